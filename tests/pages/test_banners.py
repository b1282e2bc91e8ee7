"""This file is where it is said, on the monitor and on the card, why nothing is sent now."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.builders import Row, World, ago
from tests.pages.keeper import Keeper, keeping
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
    keeper.visit.open("/")
    expect(keeper.card(rule)).to_contain_text("Give “Corner Bakery” a new access token")
    expect(keeper.card(rule)).to_contain_text("next try by itself in 29:")
    keeper.world.rows(change, "active", None, None, keeper.page["id"])
    expect(keeper.card(rule).locator(".notice")).to_have_count(0)


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
