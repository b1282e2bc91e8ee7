"""This file is where axe looks at every page and state: no serious or critical finding."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import World, ago
from tests.pages.conftest import Visit, visiting
from tests.pages.keeper import Keeper, keeping
from tests.pages.watching import Automation, Watch, watch
from tests.running import Stack

__all__ = ["watch"]
AXE = (Path(__file__).parent / "vendor/axe/axe.min.js").read_text()
GRAVE = ("serious", "critical")


@pytest.fixture(params=["light", "dark"])
def seen(
    request: pytest.FixtureRequest, browser: Browser, stack: Stack, demo_session: Any
) -> Iterator[Visit]:
    """The demo account by day and by night; axe itself needs what our policy forbids."""
    options = {"color_scheme": request.param, "storage_state": demo_session, "bypass_csp": True}
    with visiting(browser, stack, **options) as visit:
        yield visit


def findings(page: Page, within: str = "html") -> list[str]:
    page.evaluate(AXE)
    result = page.evaluate("(within) => axe.run(within, { resultTypes: ['violations'] })", within)
    return [
        f"{each['impact']} {each['id']}: {json.dumps(node['target'])} {node['failureSummary']}"
        for each in result["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"][:3]
    ]


def open_timeline(page: Page) -> None:
    page.locator("[data-act=timeline]").first.click()
    expect(page.locator(".step").first).to_be_visible()


def open_review(page: Page) -> None:
    page.locator("[data-act=edit]").first.click()
    expect(page.locator("#review-text")).to_be_enabled()


def open_help(page: Page) -> None:
    page.click("#help-open")


def open_many(page: Page) -> None:
    page.click("#retry-all")
    expect(page.locator("dialog")).to_be_visible()


def filtered(page: Page) -> None:
    page.click(".stage[data-stage=failed]")
    expect(page.locator(".contact:not([data-stage=failed])")).to_have_count(0)


STATES: list[Callable[[Page], None]] = [
    *(filtered, open_timeline, open_review, open_help, open_many),
]


def busy(watch: Watch) -> Automation:
    here = watch(review_before_send=True)
    here.waiting("محمد العلي")
    here.failed("Zoë", "outcome_unknown", "Nobody knows.")
    here.failed("鈴木 美咲", "opted_out", "Stopped.")
    stopped = here.waiting("Софія")
    here.change(stopped, "current_stage = 'skipped', reason_code = 'cancelled'")
    return here


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_monitor_has_no_grave_finding(
    seen: Visit, watch: Watch, state: Callable[[Page], None]
) -> None:
    page = seen.open_monitor(busy(watch).path)

    state(page)

    assert findings(page) == []


# What comes last of each; /system, /settings and /audit are looked at in test_own_pages.
COMPLETE = {
    "/": "[data-rule-id]",
    "/contacts": "#import-file input[aria-label]",
    "/pages": "#pages .page-health",
    "/history": "#history-sum:not(:empty)",
    "/analytics": "#analytics-chosen",
}


def axe_finds_nothing(page: Page, complete: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    # The file field of the contacts lies, invisible, upon a button.
    expect(page.locator(complete).first).to_be_attached()
    assert findings(page) == []


@pytest.mark.parametrize("path", COMPLETE)
def test_no_other_page_has_a_grave_finding(seen: Visit, path: str) -> None:
    axe_finds_nothing(seen.open(path), COMPLETE[path])


# One of each kind of trouble; what stands beside a column is SQL.
TROUBLES = {
    "Refused": "status = 'token_invalid', status_reason = 'Expired.', setback_at = now()",
    "Restricted": "status = 'restricted', status_reason = 'No.', paused_until = now() + '1 h'",
    "Gone": "disconnected_at = now()",
    "Paused": "paused_at = now()",
    "Slowed": "paused_until = now() + '5 min', usage_percent = 97, usage_at = now()",
    "Unheard": "subscribe_error = 'Facebook refused.'",
    "Warned": "warned_at = now(), warning = 'Do not send this again.'",
    "محظور": "status = 'restricted', paused_at = now(), subscribe_error = 'No.'",
}


def in_trouble(keeper: Keeper) -> None:
    """A page of each trouble, each with an automation and what that one cannot send."""
    world, owner = keeper.world, keeper.person
    for name, trouble in TROUBLES.items():
        page = world.page(owner, name=name, facebook_page_id=secrets.token_hex(6))
        rule = world.rule(page, name=f"On {name}", next_run_at=ago(days=-9))
        world.rows(
            f"update public.facebook_pages set {trouble} where id = %s returning 1",  # noqa: S608
            page["id"],
        )
        world.insert(
            "public.ai_automation_contact_states",
            user_id=owner["id"], rule_id=rule["id"], contact_id=world.contact(page)["id"],
            current_stage="failed", error_code="token_expired", error_message="Expired.",
        )  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_in_trouble_has_a_grave_finding_and_many_are_searched(
    browser: Browser, stack: Stack, people: World, scheme: str
) -> None:
    options = {"color_scheme": scheme, "bypass_csp": True}
    with keeping(browser, stack, people, contacts=0, **options) as keeper:
        in_trouble(keeper)
        page = keeper.visit.open("/pages")
        cards = page.locator("#pages .page-card")
        expect(cards).to_have_count(len(TROUBLES) + 1)
        assert findings(page) == []
        page.locator("#pages-which").select_option("trouble")
        expect(cards).to_have_count(len(TROUBLES))
        page.fill("#pages-search", "gone")
        expect(cards).to_have_count(1)
        page.fill("#pages-search", "none of them")
        expect(page.locator("#pages-none")).to_have_text("No page fits this search.")
        page.set_viewport_size({"width": 320, "height": 640})
        page.fill("#pages-search", "")
        expect(cards).to_have_count(len(TROUBLES))
        assert findings(page) == []
        expect(page.locator("html")).to_have_js_property("scrollWidth", 320)

        keeper.visit.open("/")
        expect(page.locator(".rule .notice").first).to_be_visible()
        assert findings(page) == []
        page.get_by_role("link", name="Monitor: On محظور").click()
        expect(page.locator("#alerts .notice").first).to_be_visible()
        assert findings(page) == []


def test_neither_has_the_page_of_a_contact(seen: Visit) -> None:
    page = seen.open("/contacts")
    page.locator("#contacts-rows a[href^='/contacts/']").first.click()
    axe_finds_nothing(page, "#contact-who #contact-tag")
