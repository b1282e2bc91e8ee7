"""This file is where a person looks at the machine, sets things, and reads what they did."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.builders import World
from tests.pages.conftest import Visit, visiting
from tests.pages.keeper import keeping
from tests.pages.test_axe import findings, seen
from tests.running import Stack

__all__ = ["seen"]
PAGES = ["/system", "/settings", "/audit"]


@pytest.mark.parametrize("path", PAGES)
def test_no_own_page_has_a_grave_finding_or_scrolls_sideways(seen: Visit, path: str) -> None:
    page = seen.open(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if path == "/audit":
        expect(page.locator("#audit-sum")).not_to_be_empty()

    assert findings(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    expect(page.locator("html")).to_have_js_property("scrollWidth", 320)


def test_the_machine_says_that_it_works_and_when_each_turn_comes(
    browser: Browser, stack: Stack, people: World
) -> None:
    with keeping(browser, stack, people) as keeper:
        page = keeper.visit.open("/system")
        expect(page.locator("#system-state")).to_have_text("Everything works.")
        expect(page.locator("#system-view")).to_contain_text("Works")
        expect(page.locator("#system-view")).to_contain_text("Sandbox: nothing is sent")
        expect(page.locator("#system-view")).to_contain_text("Embedded, on this machine")
        turn = page.locator(".turns .line").filter(has_text="Send")
        expect(turn).to_contain_text(re.compile("ago"))
        keeper.rule(name="Idle")
        # What only wants to be known keeps nobody from saying that all is well.
        expect(page.locator("#system-state")).to_contain_text("Everything works.1 automation")


NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('off') }})"


def test_settings_hold_in_another_browser_and_for_a_new_automation(
    browser: Browser, stack: Stack, people: World
) -> None:
    with keeping(browser, stack, people, color_scheme="light") as keeper:
        page = keeper.visit.open("/settings")
        page.fill("#set-time_zone", "Asia/Tokio")
        page.click("#settings-save")
        expect(page.locator("#set-error-time_zone")).to_contain_text("Asia/Tokyo")
        page.fill("#set-time_zone", "asia/tokyo")
        page.get_by_role("radio", name="Dark").check()
        page.fill("#set-daily_limit", "77")
        page.fill("#set-wait", "3")
        page.click("#settings-save")
        expect(page.locator("#settings-state")).to_contain_text("Asia/Tokyo")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")

        elsewhere = {"storage_state": keeper.visit.context.storage_state(), "color_scheme": "light"}
        elsewhere["storage_state"]["origins"] = []
        with visiting(browser, stack, **elsewhere) as other:
            page = other.open("/audit")
            expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
            expect(page.locator("#audit-sum")).to_contain_text("times in Asia/Tokyo")
            expect(page.locator("#audit-rows tr").first).to_contain_text("Changed own settings")
            expect(page.locator("#audit-rows tr").first).to_contain_text("daily limit")
            other.open("/automations/new")
            expect(page.locator("#rule-daily_limit")).to_have_value("77")
            expect(page.locator("#rule-wait")).to_have_value("3")
        with visiting(browser, stack, **elsewhere) as forgetful:
            forgetful.page.add_init_script(NO_STORAGE)
            forgetful.open("/audit")
            expect(forgetful.page.locator("html")).to_have_attribute("data-bs-theme", "dark")
            forgetful.page.emulate_media(media="print")
            forgetful.page.emulate_media(media="screen")
            expect(forgetful.page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_what_was_done_is_found_by_its_kind_and_page_by_page(
    browser: Browser, stack: Stack, people: World
) -> None:
    with keeping(browser, stack, people) as keeper:
        rule = keeper.rule(name="Mine")
        many = "select %s, %s, 'switch_on', now() - n * interval '1 minute'"
        people.rows(
            "insert into public.ai_automation_audit (user_id, rule_id, action, occurred_at) "
            + many
            + " from generate_series(1, 60) as n returning id",
            rule["user_id"],
            rule["id"],
        )
        people.rows(
            "insert into public.ai_automation_audit (user_id, action, affected)"
            " values (%s, 'import_contacts', 1200) returning id",
            rule["user_id"],
        )
        page = keeper.visit.open("/audit")
        rows = page.locator("#audit-rows tr")
        expect(rows).to_have_count(50)
        expect(rows.first).to_contain_text("1,200 contacts")

        page.get_by_role("button", name="Next").click()
        expect(rows).to_have_count(11)
        page.locator("#audit-by-kind").select_option("contacts")
        expect(rows).to_have_count(1)
        assert "kind=contacts" in page.url
        page.reload()
        expect(rows).to_have_count(1)
