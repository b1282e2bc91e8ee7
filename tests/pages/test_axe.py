"""This file is where axe looks at every page and state: no serious or critical finding."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import Visit, visiting
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


def test_neither_has_the_page_of_a_contact(seen: Visit) -> None:
    page = seen.open("/contacts")
    page.locator("#contacts-rows a[href^='/contacts/']").first.click()
    axe_finds_nothing(page, "#contact-who #contact-tag")
