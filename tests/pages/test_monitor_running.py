"""This file is where a person runs an automation and looks ahead from its monitor."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.builders import World
from tests.pages.keeper import Keeper, keeping
from tests.running import Stack


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    """Somebody with three contacts and no automation yet."""
    with keeping(browser, stack, people) as keeper:
        yield keeper


def test_run_now_on_the_monitor_asks_with_the_number_that_is_then_queued(keeper: Keeper) -> None:
    # Everybody must wait: queued, checked, skipped; nobody is written to.
    rule = keeper.rule(enabled=True, wait_minutes=43200)
    page = keeper.visit.open_monitor(f"/automations/{rule['id']}/monitor")

    page.click("#run-now")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 contacts would be queued now")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("#sum-line")).to_have_text("No contacts")
    page.click("#run-now")
    page.get_by_role("button", name="Queue 3 contacts").click()

    expect(page.locator("#toasts")).to_contain_text("3 contacts queued")
    expect(page.locator(".contact")).to_have_count(3)
    assert page.evaluate("() => scrollY") == 0


def test_a_dry_run_on_the_monitor_says_who_would_get_a_message(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback", exclude_tags=["vip"])
    keeper.contact(sender_name="Vera VIP", tags=["vip"])
    page = keeper.visit.open_monitor(f"/automations/{rule['id']}/monitor")

    page.click("#dry-run")

    drawer = page.locator("#dry")
    expect(drawer).to_contain_text("Dry run: Winback")
    expect(drawer).to_contain_text("3 of 4 contacts would get a message now. Nothing was sent.")
    drawer.get_by_role("button", name=re.compile("Has an excluded tag")).click()
    expect(drawer.locator(".dry-people li")).to_have_text(["Vera VIPHas an excluded tag"])
    drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_have_count(0)
