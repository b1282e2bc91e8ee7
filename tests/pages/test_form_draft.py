"""This file is where what was typed into the form outlives a reload, and nobody else sees it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import PASSWORD, World
from tests.pages.keeper import Keeper, keeping
from tests.running import Stack


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    """Somebody with three contacts and no automation yet."""
    with keeping(browser, stack, people) as keeper:
        yield keeper


def open_form(keeper: Keeper, path: str = "/automations/new") -> Page:
    page = keeper.visit.open(path)
    expect(page.locator("#rule-count .big-line")).to_be_visible()
    return page


def reload(page: Page) -> None:
    page.reload()
    expect(page.locator("#rule-count .bone")).to_have_count(0)


def kept(page: Page) -> int:
    return int(page.evaluate("() => sessionStorage.length"))


def test_what_was_typed_survives_a_reload_and_can_be_discarded(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback", daily_limit=200, include_tags=["cake"])
    page = open_form(keeper, f"/automations/{rule['id']}")
    page.fill("#rule-prompt", "Ask about محمد's cake.\nBe kind.")
    page.fill("#rule-daily_limit", "")
    page.fill("#type-include_tags", "class")
    page.keyboard.press("Enter")
    page.get_by_label("I approve each message").click()
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")

    reload(page)

    expect(page.locator("#rule-kept")).to_contain_text("Restored what you had not saved.")
    expect(page.locator("#rule-prompt")).to_have_value("Ask about محمد's cake.\nBe kind.")
    expect(page.locator("#rule-daily_limit")).to_have_value("")
    expect(page.locator("#error-daily_limit")).to_contain_text("Write a whole number")
    expect(page.locator("[data-tags=include_tags] .chips li")).to_have_count(2)
    expect(page.get_by_label("I approve each message")).to_be_checked()
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("#rule-daily_limit")).to_have_value("200")
    expect(page.locator("[data-tags=include_tags] .chips li")).to_have_count(1)
    expect(page.locator("#rule-state")).to_have_text("")
    expect(page.locator("#rule-kept")).to_be_hidden()
    reload(page)
    expect(page.locator("#rule-prompt")).to_have_value(str(rule["prompt"]))
    expect(page.locator("#rule-kept")).to_be_hidden()


def test_nothing_is_kept_of_what_was_saved(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback")
    page = open_form(keeper, f"/automations/{rule['id']}")
    page.fill("#rule-name", "Winback 2")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    page.click("#rule-save")
    expect(page.locator("#toasts")).to_contain_text("Saved")
    expect(page.locator("#rule-state")).to_have_text("")

    page.fill("#rule-name", "Winback 3")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    reload(page)

    # Typed after the save: it is put back, because nobody else has changed anything.
    expect(page.locator("#rule-kept")).to_contain_text("Restored")
    expect(page.locator("#rule-name")).to_have_value("Winback 3")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    page.click("#rule-save")
    expect(page.locator("#toasts")).to_contain_text("Saved")
    expect(page.locator("#rule-state")).to_have_text("")
    reload(page)
    expect(page.locator("#rule-kept")).to_be_hidden()
    assert kept(page) == 0


def test_what_was_typed_waits_when_somebody_else_changed_the_automation(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback", daily_limit=10)
    page = open_form(keeper, f"/automations/{rule['id']}")
    page.fill("#rule-name", "Mine")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    keeper.world.rows(
        "update public.ai_automation_rules set daily_limit = 77 where id = %s returning id",
        rule["id"],
    )

    reload(page)

    expect(page.locator("#rule-kept")).to_contain_text("changed since you typed")
    expect(page.locator("#rule-name")).to_have_value("Winback")
    page.get_by_role("button", name="Put it back in").click()
    expect(page.locator("#rule-name")).to_have_value("Mine")


def test_nobody_else_who_signs_in_here_sees_what_was_typed(keeper: Keeper) -> None:
    page = open_form(keeper)
    page.fill("#rule-name", "My secret plan")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    assert kept(page) == 1
    other = keeper.world.user(f"other-{keeper.person['email']}")
    keeper.world.page(other, name="Other Bakery", facebook_page_id=f"o{keeper.person['id']}")

    keeper.visit.context.clear_cookies()
    keeper.visit.open("/login")
    keeper.visit.sign_in(str(other["email"]), PASSWORD)
    expect(page.locator("#rules-empty")).to_be_visible()
    open_form(keeper)

    expect(page.locator("#rule-name")).to_have_value("")
    expect(page.locator("#rule-kept")).to_be_hidden()
    assert "secret plan" not in str(page.evaluate("() => JSON.stringify(sessionStorage)"))


def test_signing_out_forgets_what_was_typed(keeper: Keeper) -> None:
    page = open_form(keeper)
    page.fill("#rule-name", "My secret plan")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")

    page.locator("details.account summary").click()
    page.click("#sign-out")

    expect(page.locator("#login-email")).to_be_visible()
    assert kept(page) == 0
