"""This file is where pages are used by keyboard alone, enlarged, and in colours of the system."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import World
from tests.pages.conftest import Visit, visiting, waiting
from tests.pages.keeper import Keeper, keeping
from tests.pages.test_axe import findings
from tests.running import Stack

LONG = "Wolfeschlegelstein" * 6
RIGHT_TO_LEFT = "محمد العلي بن عبد الرحمن"
# A window of 1280 pixels at 200 % has 640 of them, each of four dots.
ENLARGED = {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}
TABS_MOST = 80


def addresses(keeper: Keeper) -> list[str]:
    """Every page, with an automation and a contact of hard names."""
    rule = keeper.rule(name=LONG, include_tags=[LONG.lower()[:90]], review_before_send=True)
    waiting(keeper.world, rule, keeper.contact(sender_name=RIGHT_TO_LEFT))
    keeper.rule(name=RIGHT_TO_LEFT)
    path = f"/automations/{rule['id']}"
    return ["/", path, f"{path}/monitor", "/contacts"]


def is_there(page: Page) -> None:
    expect(
        page.locator("#rules .rule, #sum-line:not(:empty), .big-line, #import-file").first
    ).to_be_visible()


@pytest.mark.parametrize("options", [ENLARGED, {"viewport": {"width": 320, "height": 640}}])
def test_nothing_is_cut_off_enlarged_or_small_whatever_the_names(
    browser: Browser, stack: Stack, people: World, options: dict[str, Any]
) -> None:
    with keeping(browser, stack, people, **options) as keeper:
        for path in addresses(keeper):
            page = keeper.visit.open(path)
            is_there(page)
            width = page.evaluate("() => document.documentElement.scrollWidth")
            assert width == options["viewport"]["width"], path


@pytest.fixture
def plain(browser: Browser, stack: Stack, demo_session: Any) -> Iterator[Visit]:
    """Somebody whose system chooses the colours."""
    options = {"forced_colors": "active", "storage_state": demo_session, "bypass_csp": True}
    with visiting(browser, stack, **options) as visit:
        yield visit


def test_in_forced_colours_every_state_is_told_apart(plain: Visit) -> None:
    page = plain.open_monitor(plain.monitor_of("Winback"))
    chosen = page.locator(".stage[data-stage=failed]")
    other = page.locator(".stage[data-stage=sent]")
    chosen.click()
    expect(chosen).to_have_attribute("aria-pressed", "true")

    assert outline(page, ".stage[data-stage=failed]") != outline(page, ".stage[data-stage=sent]")
    expect(other).to_have_css("border-top-style", "solid")
    page.locator("#dry-run").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#run-now")).to_be_focused()
    assert outline(page, "#run-now").split()[0] != "none"
    assert findings(page) == []
    plain.open("/")
    switch = page.locator(".switch-knob").first
    expect(switch).to_be_visible()
    expect(switch).to_have_css("border-top-style", "solid")
    assert findings(page) == []


def outline(page: Page, selector: str) -> str:
    return str(
        page.locator(selector).evaluate(
            "node => [getComputedStyle(node).outlineStyle,"
            " getComputedStyle(node).outlineWidth].join(' ')"
        )
    )


def tab_to(page: Page, role: Any, name: str) -> None:
    """Goes on with Tab until the thing of this name has the focus, and sees that it shows it."""
    wanted = page.get_by_role(role, name=name).first
    for _ in range(TABS_MOST):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    assert wanted.evaluate(
        "node => getComputedStyle(node).outlineStyle !== 'none'"
        " || getComputedStyle(node).boxShadow !== 'none'"
    )


def look_ahead_and_rename(page: Page) -> None:
    """From the list by way of a dry run to the form, and back."""
    tab_to(page, "button", "Dry run: Winback")
    page.keyboard.press("Enter")
    expect(page.locator("#dry")).to_contain_text("contacts would get a message now")
    page.keyboard.press("Escape")
    expect(page.locator("#dry")).to_have_count(0)
    tab_to(page, "link", "Edit: Winback")
    page.keyboard.press("Enter")
    expect(page.locator("#rule-count .big-line")).to_be_visible()
    tab_to(page, "textbox", "Name")
    page.keyboard.press("Control+a")
    page.keyboard.type("Winback 2")
    page.keyboard.press("Control+s")
    expect(page.locator("#toasts")).to_contain_text("Saved")
    tab_to(page, "link", "Cancel")
    page.keyboard.press("Enter")


def test_everything_is_done_by_keyboard_from_the_list_to_an_approved_message(
    browser: Browser, stack: Stack, people: World
) -> None:
    with keeping(browser, stack, people) as keeper:
        rule = keeper.rule(name="Winback", review_before_send=True, enabled=True)
        waiting(keeper.world, rule, keeper.contact(sender_name="Jane Review"))
        page = keeper.visit.open("/")
        expect(keeper.card(rule)).to_be_visible()

        look_ahead_and_rename(page)
        expect(keeper.card(rule)).to_contain_text("Winback 2")
        tab_to(page, "link", "Monitor: Winback 2")
        page.keyboard.press("Enter")
        card = page.locator(".contact")
        expect(card).to_contain_text("Jane Review")
        page.keyboard.press("j")
        expect(card).to_be_focused()
        page.keyboard.press("e")
        expect(page.locator("#review-text")).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type("Shall I keep two places?")
        tab_to(page, "button", "Approve and send")
        page.keyboard.press("Enter")

        expect(page.locator("#toasts")).to_contain_text("Approved")
        [state] = keeper.world.rows(
            "select * from public.ai_automation_contact_states where rule_id = %s", rule["id"]
        )
        assert state["generated_message"] == "Shall I keep two places?"
        assert state["approved_at"] is not None
