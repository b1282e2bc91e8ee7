"""This file is where a person runs an automation and watches its contacts, in a browser."""

import re

import pytest
from playwright.sync_api import Page, Request, Response, expect

from tests.builders import World
from tests.pages.conftest import Visit, number, waiting_in

POLL = "**/_dash-update-component*"


def test_the_demo_account_sees_its_automations_and_what_they_do(demo: Visit) -> None:
    page = demo.open("/")

    for name in ("Class places, in waking hours", "Cake quotes, 25 a day"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    card = page.locator("[data-rule-id]").filter(has_text="Winback after an hour")
    expect(card).to_contain_text("Bella's Bakery")
    expect(card).to_contain_text("Contacts tagged asked, not vip")
    expect(card).to_contain_text("of 200 sent today")
    demo.picture("automations")


def test_run_now_sends_and_the_screen_shows_it(demo: Visit) -> None:
    page = demo.open_monitor(demo.monitor_of("Cake quotes"))
    expect(page.locator("#live-indicator")).to_have_attribute("data-state", "live")
    before = stage_count(page, "sent")

    page.click("#run-now")
    page.click("#ask-yes")

    expect(page.locator("#toasts")).to_contain_text("contacts queued")
    expect(page.locator(".contact[data-stage=sent]").first).to_be_visible()
    demo.picture("monitor-running")
    page.wait_for_function(
        "before => Number(document.querySelector('[data-stage=sent] .stage-count').textContent)"
        " >= before + 20",
        arg=before,
    )
    page.wait_for_function(
        "() => /[^,] = \\d+ sent/.test(document.getElementById('sum-line').textContent)",
    )
    total, *parts = map(int, re.findall(r"\d+", str(page.locator("#sum-line").text_content())))
    assert total == sum(parts) == sum(stage_count(page, name) for name in stage_names(page))
    expect(page.locator("#alerts")).to_contain_text("1 failed")
    demo.picture("monitor-ended")
    # The one that failed has blocked the page: nothing is offered that cannot help.
    expect(page.locator("#alerts").get_by_role("button", name="Retry")).to_have_count(0)


def test_a_stage_card_filters_the_list_and_the_address_remembers_it(demo: Visit) -> None:
    address = demo.monitor_of("Winback after an hour")
    page = demo.open_monitor(address)
    page.click("#run-now")
    page.click("#ask-yes")
    expect(page.locator(".stage[data-stage=skipped]")).not_to_have_class(re.compile("zero"))

    page.click(".stage[data-stage=skipped]")

    expect(page.locator(".stage[data-stage=skipped]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".contact:not([data-stage=skipped])")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?stage=skipped$"))
    page.reload()
    expect(page.locator(".stage[data-stage=skipped]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".contact[data-stage=skipped]").first).to_be_visible()
    expect(page.locator(".contact:not([data-stage=skipped])")).to_have_count(0)


def test_searching_for_nobody_says_so_and_can_be_undone(demo: Visit) -> None:
    page = demo.open_monitor(demo.monitor_of("Cake quotes"))

    page.fill("#contact-search", "nobody is called this")

    expect(page.locator("#nobody")).to_have_text("No contact fits this filter.")
    expect(page.locator("#showing")).to_contain_text("Showing 0 of 0")
    expect(page).to_have_url(re.compile("q=nobody"))
    page.click("#clear-stage")
    expect(page.locator("#contact-search")).to_have_value("")
    expect(page).not_to_have_url(re.compile("q="))


def test_switching_off_is_seen_and_nothing_can_be_run(demo: Visit) -> None:
    demo.open("/")
    card = demo.page.locator("[data-rule-id]").filter(has_text="Class places")

    card.get_by_role("switch").click()

    expect(card.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(card.get_by_role("button", name="Run now")).to_be_disabled()
    page = demo.open(f"/automations/{card.get_attribute('data-rule-id')}/monitor")
    expect(page.locator("#alerts")).to_contain_text("Switched off")
    page.click("#toggle-rule")
    expect(page.locator("#run-now")).to_be_enabled()
    expect(page.locator("#alerts")).not_to_contain_text("Switched off")


def test_a_cancelled_contact_leaves_and_can_be_retried(demo: Visit, people: World) -> None:
    name = "Zzyzx Cancelled"
    address = demo.monitor_of("Class places")
    waiting_in(people, "Class places", name)
    page = demo.open_monitor(address + "?q=Zzyzx")
    card = page.locator(".contact").filter(has_text=name)
    expect(card).to_contain_text("Shall I keep a place?")
    expect(card).to_contain_text("Sends in 1 h 59 min")

    card.get_by_role("button", name=f"Cancel {name}").click()

    expect(page.locator("#toasts")).to_contain_text("1 contact cancelled")
    expect(card).to_have_attribute("data-stage", "skipped")
    expect(card).to_contain_text("Cancelled by a person")
    expect(card.get_by_role("button", name="Retry")).to_be_visible()


def test_close_leads_back_to_the_automations(demo: Visit) -> None:
    page = demo.open_monitor(demo.monitor_of("Cake quotes"))

    page.click("#close")

    expect(page.get_by_role("link", name="Cake quotes, 25 a day", exact=True)).to_be_visible()


@pytest.mark.parametrize("place", ["list", "monitor"])
def test_a_hidden_tab_does_not_ask_and_asks_at_once_on_return(demo: Visit, place: str) -> None:
    address = demo.monitor_of("Cake quotes") if place == "monitor" else "/"
    demo.page.clock.install()
    page = demo.open(address)
    expect(page.get_by_text("Cake quotes, 25 a day").first).to_be_visible()
    hide(page, True)
    page.clock.run_for(5000)  # what was under way has been asked
    asked = polls(demo)

    page.clock.run_for(60_000)

    assert polls(demo) == asked
    with page.expect_response(is_poll):
        hide(page, False)


def test_what_pulses_for_hours_leaves_nothing_behind(demo: Visit) -> None:
    demo.page.clock.install()
    page = demo.open("/")
    expect(page.get_by_text("Cake quotes, 25 a day").first).to_be_visible()

    page.clock.run_for(600_000)  # 120 pulses

    kept = "() => window.dash_stores.map((store) => (store.getState().history.past || []).length)"
    assert max(page.evaluate(kept)) < 100


def test_data_that_grows_old_says_so_and_stays(demo: Visit) -> None:
    address = demo.monitor_of("Cake quotes")
    demo.page.clock.install()
    page = demo.open_monitor(address)
    indicator = page.locator("#live-indicator")
    expect(indicator).to_have_attribute("data-state", "live")
    shown = page.locator("#sum-line").text_content()
    page.route(POLL, lambda route: route.abort())

    for seconds, state in ((7, "delayed"), (10, "stale"), (20, "offline")):
        page.clock.run_for(seconds * 1000)
        expect(indicator).to_have_attribute("data-state", state)

    assert page.locator("#sum-line").text_content() == shown
    page.unroute(POLL)
    page.clock.run_for(10_000)
    expect(indicator).to_have_attribute("data-state", "live")
    demo.expect_complaint("ERR_FAILED")


def hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def is_poll(exchange: Request | Response) -> bool:
    return "_dash-update-component" in exchange.url


def polls(visit: Visit) -> int:
    return sum("_dash-update-component" in address for address in visit.requested)


def stage_names(page: Page) -> list[str]:
    return [str(card.get_attribute("data-stage")) for card in page.locator("button.stage").all()]


def stage_count(page: Page, name: str) -> int:
    return number(page.locator(f".stage[data-stage={name}] .stage-count").text_content())
