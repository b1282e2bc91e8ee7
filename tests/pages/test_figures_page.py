"""This file is where figures over time are looked at: drawn, cut, chosen, in both themes, small."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import Row, World
from tests.pages.keeper import Keeper, keeping
from tests.pages.test_axe import findings
from tests.running import Stack

LONG = "Wolfeschlegelstein" * 6
ZONE = {"timezone_id": "Australia/Adelaide"}
PLOTLY = "plotly-basic"


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    with keeping(browser, stack, people, **ZONE) as keeper:
        yield keeper


def happened(keeper: Keeper, rule: Row, amounts: list[tuple[str, str, int, int]]) -> None:
    """So much of each kind, key and number, a day ago."""
    told = [
        (rule["user_id"], rule["id"], datetime.now(UTC) - timedelta(days=1), *one)
        for one in amounts
    ]
    keeper.world.connection.cursor().executemany(
        "select public.add_figures(array[(%s, %s, %s, %s, %s, %s, %s)::public.automation_figure])",
        told,
    )


def a_day(keeper: Keeper, rule: Row, sent: int) -> None:
    model = "gemini-3.5-flash-lite"
    amounts = [
        *(("entered", "queued", 0, sent * 2), ("left", "checking", 0, sent * 2)),
        *(("entered", "eligible", 0, sent), ("left", "generating", 0, sent)),
        *(("entered", "ready_to_send", 0, sent), ("entered", "skipped", 0, sent)),
        *(("sent", "", 1, sent), ("replied", "", 1, sent // 2)),
        *(("failed", "token_expired", 1, 3), ("failed", "ai_unavailable", 0, 1)),
        *(("stayed", "generating", 29, sent), ("ai_time", model, 29, sent)),
        *(("messages", model, 0, sent), ("cost", model, 0, sent * 1000)),
        *(("tokens_in", model, 0, sent * 800), ("tokens_out", model, 0, sent * 60)),
        *(("messages", "new", 0, 2), ("unpriced", "new", 0, 2)),
    ]
    happened(keeper, rule, amounts)


def drawn(page: Page, name: str) -> Any:
    return page.locator(f"#chart-{name} .main-svg").first


def bars(page: Page) -> Any:
    return page.locator("#chart-throughput .bars .point path >> visible=true")


def test_what_happened_is_drawn_said_and_chosen_by_the_address(keeper: Keeper) -> None:
    one, other = keeper.rule(name="Winback"), keeper.rule(name="محمد " + LONG)
    a_day(keeper, one, 40)
    a_day(keeper, other, 20)
    page = keeper.visit.open("/")
    expect(page.locator(".rule").first).to_be_visible()
    assert not any(PLOTLY in address for address in keeper.visit.requested)

    page.click("#nav-analytics")

    expect(page.locator("#headline-sent")).to_contain_text("60")
    expect(page.locator("#analytics-when")).to_contain_text("Australia/Adelaide")
    expect(page.locator("#headline-cost")).to_contain_text("$0.06")
    expect(page.locator("#funnel-title")).to_contain_text("60 sent of 120 queued")
    expect(page.locator("#figure-cost")).to_contain_text("price unknown")
    for chart in ("throughput", "funnel", "replies", "ai-time", "cost", "pace-generating"):
        expect(drawn(page, chart)).to_be_visible()
    causes = page.locator("#table-failures a")
    expect(causes).to_have_attribute("href", re.compile(r"^/history\?error=access&from=20"))
    page.locator("#figure-throughput summary").click()
    expect(page.locator("#table-throughput tbody tr")).to_have_count(28)
    assert sum(PLOTLY in address for address in keeper.visit.requested) == 1

    page.click("#analytics-chosen")
    page.locator(f"[data-rule='{one['id']}']").click()
    expect(page.locator("#headline-sent")).to_contain_text("40")
    expect(page.locator("#analytics-chosen")).to_have_text("Winback")
    page.locator("[data-range='30d']").click()
    expect(page.locator("#table-throughput tbody tr")).to_have_count(30)
    assert page.url.endswith(f"/analytics?rules={one['id']}&range=30d")

    page.reload()
    expect(page.locator("#headline-sent")).to_contain_text("40")
    expect(page.locator("[data-range='30d']")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.locator("[data-range='7d']")).to_have_attribute("aria-pressed", "true")


def test_the_theme_is_followed_without_a_reload_and_nothing_is_grave(
    browser: Browser, stack: Stack, people: World
) -> None:
    with keeping(browser, stack, people, bypass_csp=True, color_scheme="light") as keeper:
        a_day(keeper, keeper.rule(name="Winback"), 40)
        page = keeper.visit.open("/analytics")
        expect(drawn(page, "cost")).to_be_visible()
        expect(bars(page).first).to_be_visible()
        fill = "node => getComputedStyle(node).fill"
        by_day = bars(page).first.evaluate(fill)
        assert findings(page) == []

        page.locator("details.account summary").click()
        page.click("#theme-dark")
        page.keyboard.press("Escape")

        expect(bars(page).first).not_to_have_css("fill", by_day)
        assert findings(page) == []
        assert sum(PLOTLY in address for address in keeper.visit.requested) == 1


def test_nothing_and_little_fit_a_small_phone(
    browser: Browser, stack: Stack, people: World
) -> None:
    small = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    with keeping(browser, stack, people, **small) as keeper:
        rule = keeper.rule(name=LONG)
        page = keeper.visit.open("/analytics?range=90d&rules=nobody")
        expect(page.locator("#figures-none")).to_contain_text("Nothing happened in these 90 days")
        expect(page.locator("#analytics-body")).to_contain_text("The address asks for “nobody”")
        assert page.evaluate("() => document.documentElement.scrollWidth") == 320

        happened(keeper, rule, [("entered", "queued", 0, 1), ("sent", "", 1, 1)])
        # Somebody who asks the same again is told the same for a while.
        page.goto(page.url.replace("range=90d", "range=30d"))

        expect(page.locator("#throughput-title")).to_contain_text("1 message sent")
        expect(drawn(page, "throughput")).to_be_visible()
        expect(page.locator("#failures-title")).to_have_text("Nothing failed.")
        assert page.evaluate("() => document.documentElement.scrollWidth") == 320
        keeper.visit.picture("phone-dark-analytics")
