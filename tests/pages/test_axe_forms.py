"""This file is where axe looks at the list's dialogs and at the form: no grave finding."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import Visit
from tests.pages.test_axe import findings, seen

__all__ = ["seen"]
CARD = "Winback after an hour"


def ask_to_run(page: Page) -> None:
    page.get_by_role("button", name=f"Run now: {CARD}").click()
    expect(page.locator("#ask-body")).to_contain_text("queued now")


def ask_to_delete(page: Page) -> None:
    page.get_by_role("button", name=f"Delete: {CARD}").click()
    expect(page.locator("#ask-body")).to_contain_text("You can undo")


def dry_run(page: Page) -> None:
    page.get_by_role("button", name=f"Dry run: {CARD}").click()
    expect(page.locator(".dry-people li").first).to_be_visible()


@pytest.mark.parametrize(
    "state", [ask_to_run, ask_to_delete, dry_run], ids=lambda state: state.__name__
)
def test_a_dialog_of_the_list_has_no_grave_finding(
    seen: Visit,
    state: Callable[[Page], None],
) -> None:
    page = seen.open("/")

    state(page)

    assert findings(page) == []


def test_a_new_form_and_its_errors_have_no_grave_finding(seen: Visit) -> None:
    page = seen.open("/automations/new")
    expect(page.locator("#rule-count .big-line")).to_be_visible()
    assert findings(page) == []

    page.fill("#rule-daily_limit", "many")
    page.fill("#type-include_tags", "class")
    page.keyboard.press("Enter")
    page.click("#rule-save")
    expect(page.locator("#error-name")).to_have_text("Give it a name.")

    assert findings(page) == []


def test_a_filled_in_form_with_a_test_message_has_no_grave_finding(seen: Visit) -> None:
    page = seen.open("/")
    page.get_by_role("link", name=f"Edit: {CARD}").click()
    expect(page.locator("#rule-count .big-line")).to_be_visible()
    page.click("#test-write")
    expect(page.locator("#test-result .contact-message")).to_be_visible()

    assert findings(page) == []
