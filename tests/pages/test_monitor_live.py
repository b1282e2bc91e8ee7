"""This file is where the monitor lives: fresh, and still under the hand."""

from typing import Any

from playwright.sync_api import Browser, expect

from tests.pages.conftest import Visit, visiting
from tests.pages.watching import Watch, watch
from tests.running import Stack

__all__ = ["watch"]


def test_a_finger_that_was_in_the_list_does_not_hold_it(
    browser: Browser, stack: Stack, demo_session: Any, watch: Watch
) -> None:
    here = watch()
    here.waiting("Old Ana")
    touch = {"has_touch": True, "viewport": {"width": 390, "height": 800}}
    with visiting(browser, stack, storage_state=demo_session, **touch) as visit:
        page = visit.open_monitor(here.path)
        page.locator(".contact-message").tap()

        here.failed("New Ben")

        expect(page.locator(".contact-name")).to_have_text(["New Ben", "Old Ana"])
        page.get_by_role("button", name="Timeline of New Ben").tap()
        expect(page.get_by_role("dialog", name="New Ben")).to_be_visible()


def test_new_ones_wait_while_the_reader_is_in_the_list(demo: Visit, watch: Watch) -> None:
    here = watch()
    here.waiting("Old Ana")
    page = demo.open_monitor(here.path)
    page.locator(".contact").hover()

    here.failed("New Ben")

    expect(page.locator("#show-new")).to_have_text("1 new")
    expect(page.locator(".stage[data-stage=failed] .stage-count")).to_have_text("1")
    expect(page.locator(".contact")).to_have_count(1)
    page.click("#show-new")
    expect(page.locator(".contact-name")).to_have_text(["New Ben", "Old Ana"])
    expect(page.locator("#show-new")).not_to_be_visible()


def test_new_ones_come_by_themselves_once_the_reader_has_left(demo: Visit, watch: Watch) -> None:
    here = watch()
    here.waiting("Old Ana")
    page = demo.open_monitor(here.path)
    page.locator(".contact").hover()
    here.failed("New Ben")
    expect(page.locator("#show-new")).to_have_text("1 new")

    page.mouse.move(5, 5)

    expect(page.locator(".contact-name")).to_have_text(["New Ben", "Old Ana"])


def test_what_is_under_the_cursor_stays_where_it_is(demo: Visit, watch: Watch) -> None:
    here = watch()
    states = [here.waiting(f"Person {number}") for number in range(12)]
    page = demo.open_monitor(here.path)
    card = page.locator(".contact").nth(4)
    card.hover()
    before = card.bounding_box()
    name = card.locator(".contact-name").text_content()
    shown = page.locator(".contact-name").all_text_contents()[:3]

    for state in states:
        if f"Person {states.index(state)}" in shown:
            here.change(state, "generated_message = %s", "A much longer text. " * 40)
    here.failed("New Ben")

    expect(page.locator("#alerts")).to_contain_text("1 failed")
    after = card.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) <= 1
    assert (
        page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y).closest('.contact')"
            ".querySelector('.contact-name').textContent",
            [after["x"] + after["width"] / 2, after["y"] + after["height"] / 2],
        )
        == name
    )


def test_a_focused_button_keeps_the_focus_while_its_card_changes(demo: Visit, watch: Watch) -> None:
    here = watch()
    state = here.waiting("Ana")
    page = demo.open_monitor(here.path)
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Timeline of Ana")
    expect(button).to_be_focused()

    here.change(state, "current_stage = 'skipped', reason_code = 'cancelled'")
    here.failed("New Ben")

    expect(page.locator(".contact").first).to_have_attribute("data-stage", "skipped")
    expect(page.locator("#show-new")).to_have_text("1 new")
    expect(button).to_be_focused()


def test_everything_can_be_done_by_keyboard(demo: Visit, watch: Watch) -> None:
    here = watch()
    here.waiting("Ana")
    page = demo.open_monitor(here.path)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#contact-search")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("#monitor-title").click()
    page.keyboard.press("5")
    expect(page.locator(".stage[data-stage=ready_to_send]")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("j")
    page.keyboard.press("t")
    expect(page.get_by_role("dialog", name="Ana")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator("#toasts")).to_contain_text("1 contact cancelled")


def test_the_key_after_escape_counts_however_fast_it_comes(demo: Visit, watch: Watch) -> None:
    page = demo.open_monitor(watch().path)
    page.click("#help-open")
    expect(page.get_by_role("dialog")).to_be_visible()

    # Before the browser tells that the dialog was closed: nobody types faster than this.
    page.evaluate(
        "() => { document.querySelector('dialog').close(); document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', { key: '/', bubbles: true, cancelable: true })); }"
    )

    expect(page.locator("#contact-search")).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_single_keys_can_be_switched_off(demo: Visit, watch: Watch) -> None:
    here = watch()
    page = demo.open_monitor(here.path)
    page.click("#help-open")
    page.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")

    page.keyboard.press("8")

    expect(page.locator(".stage[aria-pressed=true]")).to_have_count(0)
    page.click("#help-open")
    expect(page.get_by_role("checkbox")).not_to_be_checked()


def test_a_screen_reader_hears_how_things_stand_at_most_every_ten_seconds(
    demo: Visit, watch: Watch
) -> None:
    here = watch()
    state = here.waiting("Ana")
    demo.page.clock.install()
    page = demo.open_monitor(here.path)
    said = page.locator("#announce")
    expect(said).to_contain_text("1 contact = 1 in flight")

    here.change(state, "current_stage = 'skipped', reason_code = 'cancelled'")
    page.clock.run_for(4000)
    expect(page.locator("#sum-line")).to_contain_text("1 skipped")
    expect(said).to_contain_text("1 in flight")

    page.clock.run_for(8000)
    expect(said).to_contain_text("1 skipped")
