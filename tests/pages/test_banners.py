"""This file is where it is said, on the monitor, the card and /system, why nothing is sent now."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pages._components import alerts
from tests.builders import Row, World, ago
from tests.pages.keeper import Keeper, keeping
from tests.pages.test_axe import findings
from tests.running import Stack


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    """Somebody with a page of their own, whose trouble is nobody else's."""
    with keeping(browser, stack, people, contacts=0) as keeper:
        yield keeper


def state(keeper: Keeper, rule: Row, name: str, **values: object) -> Row:
    contact = keeper.contact(sender_name=name)
    ids = {"user_id": rule["user_id"], "rule_id": rule["id"], "contact_id": contact["id"]}
    return keeper.world.insert("public.ai_automation_contact_states", **ids, **values)


def test_a_page_that_facebook_refuses_is_named_and_its_failures_wait_for_it(
    keeper: Keeper,
) -> None:
    rule = keeper.rule()
    state(keeper, rule, "Ana", current_stage="failed", error_code="token_expired")
    state(keeper, rule, "Ben", due_at=ago(hours=-25))
    page = keeper.visit.open_monitor(f"/automations/{rule['id']}/monitor")
    expect(page.get_by_role("button", name="Retry Ana")).to_be_visible()
    change = (
        "update public.facebook_pages set status = %s, status_reason = %s, paused_until = %s"
        " where id = %s returning id"
    )

    cause = "The page's access to Facebook has expired."
    keeper.world.rows(change, "token_invalid", cause, ago(minutes=-30), keeper.page["id"])

    expect(page.locator("#page-pill")).to_contain_text("access refused")
    strip = page.locator("#alerts")
    expect(strip).to_contain_text("The page's access to Facebook has expired")
    expect(strip).to_contain_text("Give “Corner Bakery” a new access token")
    expect(strip).to_contain_text("next try by itself in 29:")
    expect(page.get_by_role("button", name="Retry Ana")).to_have_count(0)
    expect(page.locator(".contact", has_text="Ben")).to_contain_text(
        "Waits for the page “Corner Bakery”, which Facebook stopped: The page's access"
    )
    keeper.visit.open("/")
    expect(keeper.card(rule)).to_contain_text("Give “Corner Bakery” a new access token")
    expect(keeper.card(rule)).to_contain_text("next try by itself in 29:")
    keeper.world.rows(change, "active", None, None, keeper.page["id"])
    expect(keeper.card(rule).locator(".notice")).to_have_count(0)
    keeper.world.rows(
        "update public.facebook_pages set warned_at = now(), warning = 'Spam.' where id = %s"
        " returning id",
        keeper.page["id"],
    )
    for path in (f"/automations/{rule['id']}/monitor", "/", "/pages", "/system"):
        strip = keeper.visit.open(path).locator(".notice", has_text="Facebook warned about this")
        expect(strip).to_contain_text("“Spam.” It still sends.")


def test_googles_daily_quota_is_told_with_its_end(keeper: Keeper) -> None:
    rule = keeper.rule()
    state(
        keeper, rule, "Ana", current_stage="eligible", error_code="ai_daily_quota",
        due_at=ago(hours=-25),
    )  # fmt: skip

    page = keeper.visit.open_monitor(f"/automations/{rule['id']}/monitor")

    expect(page.locator("#alerts")).to_contain_text("Google’s daily quota is used up")
    expect(page.locator("#alerts")).to_contain_text("until ")
    expect(page.locator("#panel-today")).to_contain_text("Google’s daily quota")
    expect(page.locator("#panel-today .quota-end")).to_contain_text("until ")
    keeper.visit.open("/")
    expect(keeper.card(rule)).to_contain_text("Google’s daily quota is used up")
    keeper.world.rows(
        "update public.ai_automation_rules set name = 'ساعة' where id = %s returning id", rule["id"]
    )
    page = keeper.visit.open("/system")
    line = page.locator("#system-state .notice.warn")
    expect(line).to_contain_text("Google’s daily quota is used up“ساعة”. Nothing is lost")
    expect(line.locator("time")).not_to_be_empty()
    expect(page.locator("#system-state")).not_to_contain_text("Everything works.")
    line.get_by_role("link", name="Open its monitor").click()
    expect(page.locator("#alerts")).to_contain_text("Google’s daily quota is used up")


NOW, LATER = "2026-11-23T12:00:00+00:00", "2026-11-23T18:00:00+00:00"


def every_banner() -> list[dict[str, Any]]:
    """One of each that a monitor can show, worst first, made by what makes them."""
    rule = {
        **dict.fromkeys(("paused_until", "page_paused_at", "page_disconnected_at", "warned_at")),
        **{
            "page_name": "مخبز الزاوية",
            "page_status": "active",
            "page_reason": "",
            "enabled": False,
        },
    }
    causes = [
        {"error_code": code, "contacts": 1200, "message": f"Cause {code}.", "hint": "Do it."}
        for code in ("not_accepted", "outcome_unknown", "opted_out", "x", "y")
    ]
    away = {"alive": 0, "last_beat_at": NOW}
    held = {"alive": 1, "last_beat_at": NOW, "sending_held": "No receiver runs."}
    more = {"now": NOW, "failures": causes, "to_review": 1200, "workers": away}
    found = alerts.alerts({**more, "rule": {**rule, "ai_quota_until": LATER}})
    for trouble in (
        {"page_status": "token_invalid", "page_reason": "Its access has expired."},
        {"page_status": "restricted", "paused_until": LATER},
        {"page_paused_at": NOW}, {"page_disconnected_at": NOW}, {"paused_until": LATER},
        {"warned_at": NOW, "warning": "Do not send this again."},
    ):  # fmt: skip
        page = alerts.page_problem({"now": NOW, "rule": {**rule, **trouble}})
        assert page is not None
        found.append(page)
    sending = alerts.sending_held({"workers": held})
    assert sending is not None
    assert len(found) == len(alerts.BANNERS) - 2 + 6, "but the page's, and the one that is held"
    return [*found, sending]


def draw(page: Page, banners: list[dict[str, Any]]) -> None:
    """As an answer of the server would bring them."""
    page.evaluate(
        """(alerts) => {
            const { seq, rev } = window.stagelight.live.state();
            const data = { seq, rev, now: Date.now() / 1000, age: 0, wait: 60, alerts };
            window.dash_clientside.set_props("live-answer", { data });
        }""",
        banners,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave_in_any_banner(
    browser: Browser, stack: Stack, people: World, scheme: str
) -> None:
    options = {"color_scheme": scheme, "bypass_csp": True}
    banners = every_banner()
    with keeping(browser, stack, people, contacts=0, **options) as keeper:
        page = keeper.visit.open_monitor(f"/automations/{keeper.rule()['id']}/monitor")
        strips = page.locator("#alerts .notice")
        expect(strips).to_have_count(1)

        draw(page, banners)

        expect(strips).to_have_count(len(banners))
        assert findings(page) == []
        page.set_viewport_size({"width": 320, "height": 640})
        assert findings(page) == []
        expect(page.locator("html")).to_have_js_property("scrollWidth", 320)
