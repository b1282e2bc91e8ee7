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


def test_hours_that_cannot_be_are_greyed_out_below_and_no_dead_end(keeper: Keeper) -> None:
    page = open_form(keeper)
    page.fill("#rule-name", "Always there")
    page.fill("#rule-active_from", "20:00")
    page.fill("#rule-active_until", "20:00")
    page.focus("#rule-prompt")
    expect(page.locator("#error-active_until")).to_contain_text("The same as From")
    for stale in ("count", "week"):
        expect(page.locator(f"#stale-{stale}")).to_contain_text("Fix the fields in red first")
        expect(page.locator(f"#rule-{stale}")).to_have_attribute("inert", "")

    page.get_by_label("Around the clock, every day").click()

    for stale in ("count", "week"):
        expect(page.locator(f"#stale-{stale}")).to_be_empty()
        expect(page.locator(f"#rule-{stale}")).not_to_have_attribute("inert", "")
    expect(page.locator("#error-active_until")).to_be_empty()
    page.click("#rule-save")
    expect(page.locator("[data-rule-id]")).to_contain_text("Always there")


def test_who_asked_not_to_be_written_to_is_chosen_by_nobody(keeper: Keeper) -> None:
    keeper.contact(sender_name="Aaron", opted_out_at="2026-01-01T00:00:00Z")
    keeper.contact(sender_name="Zoe", tags=["vip"])
    rule = keeper.rule(exclude_tags=["vip"], include_tags=["nobody"])

    page = open_form(keeper, f"/automations/{rule['id']}")

    people = page.locator("#test-contact option:not([value=''])")
    expect(people.last).to_have_text("Aaron · asked not to be written to")
    expect(people.last).to_be_disabled()
    expect(page.locator("#test-contact option:checked")).to_have_text("Zoe")
