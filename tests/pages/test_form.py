"""This file is where a person makes an automation, changes it, and makes mistakes, in a browser."""

import re
from collections.abc import Iterator
from datetime import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import World
from tests.pages.keeper import Keeper, keeping
from tests.running import Stack

PEOPLE = "#test-contact option:not([value=''])"


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    """Somebody with three contacts and no automation yet."""
    with keeping(browser, stack, people, timezone_id="Europe/Berlin") as keeper:
        yield keeper


def open_form(keeper: Keeper, path: str = "/automations/new") -> Page:
    """The form, ready: its first count is there."""
    page = keeper.visit.open(path)
    expect(page.locator("#rule-count .big-line")).to_be_visible()
    return page


EVERY_SETTING = {
    "include_tags": ["cake", "class"],
    "include_mode": "all",
    "exclude_tags": ["vip"],
    "active_days": [1, 2, 3, 4, 5, 7],
    "opens": "22:30:00",
    "closes": "00:00:00",
    "time_zone": "Europe/Berlin",
    "run_24_7": False,
    "wait_minutes": 0,
    "max_follow_ups": 10,
    "daily_limit": 0,
    "stop_on_reply": False,
    "run_every_minutes": 2880,
    "run_at": [time(9), time(17, 30)],
    "prompt": "Ask about the cake.\nBe kind.",
    "language": "Nepali",
    "model": "gemini-2.5-flash",
    "review_before_send": True,
    "enabled": False,
}


def fill_in_everything(page: Page) -> None:
    page.fill("#rule-name", "Winback محمد")
    page.fill("#type-include_tags", "Class, cake")
    page.keyboard.press("Enter")
    page.get_by_label("all of these tags").click()
    page.fill("#type-exclude_tags", "vip")
    page.get_by_label("Sat").click()
    page.fill("#rule-active_from", "22:30")
    page.fill("#rule-active_until", "00:00")
    page.fill("#rule-wait", "0")
    page.select_option("#rule-wait_unit", "minutes")
    page.fill("#rule-max_follow_ups", "10")
    page.fill("#rule-daily_limit", "0")
    page.get_by_label("Stop when the contact replies").click()
    page.fill("#rule-every", "2")
    page.select_option("#rule-every_unit", "days")
    page.fill("#rule-run_at", "17:30, 9:00")
    page.fill("#rule-prompt", "Ask about the cake.\nBe kind.")
    page.fill("#rule-language", "Nepali")
    page.fill("#rule-model", "gemini-2.5-flash")
    page.get_by_label("I approve each message").click()
    expect(page.get_by_label("I approve each message")).to_be_checked()


def test_a_new_automation_is_made_with_every_setting(keeper: Keeper) -> None:
    keeper.contact(sender_name="Class One", tags=["class"])
    page = open_form(keeper)
    expect(page.locator("#rule-time_zone")).to_have_value("Europe/Berlin")
    fill_in_everything(page)

    page.click("#rule-save")

    card = page.locator("[data-rule-id]")
    expect(card).to_contain_text("Winback محمد")
    expect(card.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    [row] = keeper.world.rows(
        "select *, active_from::text as opens, active_until::text as closes"
        " from public.ai_automation_rules where user_id = %s",
        keeper.person["id"],
    )
    assert {name: row[name] for name in EVERY_SETTING} == EVERY_SETTING


def test_the_count_follows_what_is_typed_and_nothing_is_written(keeper: Keeper) -> None:
    keeper.contact(sender_name="Class One", tags=["class"])
    page = open_form(keeper)
    page.fill("#rule-wait", "0")
    page.get_by_label("Around the clock, every day").click()
    count = page.locator("#rule-count")
    expect(count).to_contain_text("4 of 4 contacts would get a message now.")

    page.fill("#type-include_tags", "class")
    page.keyboard.press("Enter")

    expect(count).to_contain_text("1 of 4 contacts would get a message now.")
    expect(count).to_contain_text("Lacks the automation's tags")
    expect(count.locator(".name-list")).to_have_text("Class One")
    page.get_by_role("button", name="Remove tag class").click()
    expect(count).to_contain_text("4 of 4 contacts")
    assert not keeper.world.rows(
        "select 1 from public.ai_automation_rules where user_id = %s", keeper.person["id"]
    )


def test_a_mistake_is_said_at_its_field_and_nothing_typed_is_lost(keeper: Keeper) -> None:
    page = open_form(keeper)
    assert page.locator(".field-error:not(:empty)").count() == 0
    page.fill("#rule-prompt", "Keep me.")
    page.fill("#rule-daily_limit", "many")
    page.fill("#rule-time_zone", "Berlin")

    page.click("#rule-start")

    expect(page.locator("#error-name")).to_have_text("Give it a name.")
    expect(page.locator("#error-daily_limit")).to_contain_text("Write a whole number")
    expect(page.locator("#error-time_zone")).to_contain_text("Did you mean Europe/Berlin?")
    expect(page.locator("#rule-name")).to_be_focused()
    expect(page.locator("#rule-name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#rule-name")).to_have_attribute(
        "aria-describedby", re.compile("error-name")
    )
    expect(page.locator("#rule-state")).to_have_text("3 fields need a look")
    expect(page.locator("#rule-prompt")).to_have_value("Keep me.")
    page.fill("#rule-name", "Winback")
    page.fill("#rule-daily_limit", "5")
    page.fill("#rule-time_zone", "europe/berlin")
    expect(page.locator(".field-error:not(.warning):not(:empty)")).to_have_count(0)
    page.click("#rule-start")
    expect(page.locator("[data-rule-id]").get_by_role("switch")).to_have_attribute(
        "aria-checked", "true"
    )


def test_a_saved_automation_is_changed_by_key_and_stays_on_the_form(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback", active_from="22:00", active_until="06:00", run_24_7=False)
    page = open_form(keeper, f"/automations/{rule['id']}")
    expect(page.locator("#rule-week")).to_contain_text(
        "22:00 to 06:00, every day (until the next day)"
    )
    expect(page.locator("#rule-state")).to_have_text("")

    page.fill("#rule-name", "Winback 2")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    page.keyboard.press("Control+s")

    expect(page.locator("#toasts")).to_contain_text("Saved")
    expect(page.locator("#rule-state")).to_have_text("")
    after = keeper.stored(rule)
    kept = {name for name in rule if rule[name] == after[name]}
    assert set(rule) - kept == {"name", "updated_at"}


def test_a_change_by_somebody_else_meanwhile_is_told_and_not_overwritten(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback", daily_limit=10)
    page = open_form(keeper, f"/automations/{rule['id']}")
    keeper.world.rows(
        "update public.ai_automation_rules set daily_limit = 77 where id = %s returning id",
        rule["id"],
    )
    page.fill("#rule-name", "Mine")

    page.click("#rule-save")

    expect(page.locator("#conflict")).to_contain_text("Messages a day: 10 → 77")
    expect(page.locator("#rule-name")).to_have_value("Mine")
    assert keeper.stored(rule)["name"] == "Winback"
    page.click("#rule-save")
    expect(page.locator("#toasts")).to_contain_text("Saved")
    expect(page.locator("#conflict")).to_have_count(0)
    assert (keeper.stored(rule)["name"], keeper.stored(rule)["daily_limit"]) == ("Mine", 10)


def test_switching_it_on_elsewhere_is_no_conflict(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback", wait_minutes=43200)
    page = open_form(keeper, f"/automations/{rule['id']}")
    keeper.world.rows(
        "update public.ai_automation_rules set enabled = true where id = %s returning id",
        rule["id"],
    )
    page.fill("#rule-name", "Mine")

    page.click("#rule-save")

    expect(page.locator("#toasts")).to_contain_text("Saved")
    assert keeper.stored(rule)["enabled"] is True


def test_saving_one_that_was_deleted_meanwhile_says_so_and_keeps_what_was_typed(
    keeper: Keeper,
) -> None:
    rule = keeper.rule(name="Winback")
    page = open_form(keeper, f"/automations/{rule['id']}")
    keeper.world.rows(
        "delete from public.ai_automation_rules where id = %s returning id", rule["id"]
    )
    page.fill("#rule-prompt", "Hours of work.")

    page.click("#rule-save")

    expect(page.locator("#not-saved")).to_contain_text("This automation is gone")
    expect(page.locator("#rule-prompt")).to_have_value("Hours of work.")


def test_a_test_message_is_written_by_a_worker_and_sent_to_nobody(keeper: Keeper) -> None:
    keeper.contact(sender_name="Opted Out", opted_out_at="2026-01-01T00:00:00Z")
    page = open_form(keeper)
    page.fill("#rule-prompt", "Ask whether the cake was good.")
    page.fill("#test-search", "Person 2")
    expect(page.locator(PEOPLE)).to_have_text(["Person 2"])

    page.click("#test-write")

    result = page.locator("#test-result")
    expect(result.locator(".contact-message")).to_be_visible()
    expect(result).to_contain_text("Test · not sent")
    expect(result).to_contain_text("tokens")
    assert not keeper.world.rows(
        "select 1 from public.ai_automation_attempts where user_id = %s", keeper.person["id"]
    )
    page.fill("#test-search", "Opted")
    expect(page.locator(PEOPLE)).to_have_text(["Opted Out · asked not to be written to"])
    expect(page.locator(PEOPLE)).to_be_disabled()
    page.click("#test-write")
    expect(result).to_contain_text("Choose a contact first.")


def test_a_save_that_does_not_arrive_is_told_and_can_be_pressed_again(keeper: Keeper) -> None:
    page = open_form(keeper)
    page.fill("#rule-name", "Kept")
    page.route("**/_dash-update-component*", lambda route: route.abort())

    page.click("#rule-save")

    expect(page.locator("#toasts")).to_contain_text("Nothing you typed is lost.")
    expect(page.locator("#rule-name")).to_have_value("Kept")
    page.unroute("**/_dash-update-component*")
    page.click("#rule-save")
    expect(page.locator("[data-rule-id]")).to_contain_text("Kept")
    keeper.visit.expect_complaint("ERR_FAILED")


def test_leaving_with_something_unsaved_asks_first(keeper: Keeper) -> None:
    page = open_form(keeper)
    page.fill("#rule-name", "Half done")
    expect(page.locator("#rule-state")).to_have_text("Not saved yet")
    asked: list[str] = []

    def stay(dialog) -> None:  # type: ignore[no-untyped-def]
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    page.click("#rule-cancel")
    expect(page.locator("#rule-name")).to_have_value("Half done")
    assert asked == ["Leave without saving? What you typed is lost."]
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#rule-cancel")
    expect(page.get_by_role("heading", name="AI Automations")).to_be_visible()


def test_somebody_elses_automation_is_a_404(keeper: Keeper, browser: Browser, stack: Stack) -> None:
    rule = keeper.rule(name="Only mine")
    address = f"/automations/{rule['id']}"
    with keeping(browser, stack, keeper.world, contacts=0) as other:
        with other.visit.page.expect_response(lambda answer: address in answer.url) as answered:
            page = other.visit.open(address)

        assert answered.value.status == 404
        expect(page.locator("#not-found")).to_contain_text("This automation does not exist")
        expect(page.locator("body")).not_to_contain_text("Only mine")
        other.visit.expect_complaint("404")


def test_the_form_fits_a_small_phone_at_night(
    browser: Browser, stack: Stack, people: World
) -> None:
    small = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    with keeping(browser, stack, people, **small) as keeper:
        rule = keeper.rule(name="Wolfeschlegelstein" * 6, include_tags=["x" * 90], time_zone="UTC")
        page = open_form(keeper, f"/automations/{rule['id']}")

        assert page.evaluate("() => document.documentElement.scrollWidth") == 320
        keeper.visit.picture("phone-dark-form")
