"""This file is where the form stays still while it is being pressed."""

from playwright.sync_api import Request, expect

from tests.pages.keeper import Keeper
from tests.pages.test_form import keeper, open_form

__all__ = ["keeper"]


def judges(request: Request) -> bool:
    return "rule-draft.data" in (request.post_data or "")


def test_what_the_field_before_has_to_say_does_not_push_the_press_away(keeper: Keeper) -> None:
    page = open_form(keeper)
    with page.expect_request_finished(judges):
        page.fill("#rule-daily_limit", "0")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    stops = page.get_by_label("Stop when the contact replies")
    expect(stops).to_be_checked()

    stops.click(delay=50)

    expect(stops).not_to_be_checked()
    expect(page.locator("#error-daily_limit")).to_have_text("0: nothing is sent.")
