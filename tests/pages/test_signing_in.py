"""This file is where people come in, stay out, and get lost."""

import pytest
from playwright.sync_api import expect

from tests.builders import PASSWORD, World
from tests.pages.conftest import Visit
from tests.running import Stack


def test_a_stranger_is_asked_to_sign_in_and_then_gets_where_they_wanted(
    stranger: Visit, stack: Stack
) -> None:
    page = stranger.open("/contacts")
    expect(page).to_have_url(f"{stack.dashboard_url}/login?next=/contacts")
    stranger.picture("login")

    stranger.sign_in(stack.demo_email, stack.demo_password)

    expect(page.get_by_role("heading", name="Contacts", exact=True)).to_be_visible()


def test_the_demo_account_is_offered_and_fills_itself_in(stranger: Visit, stack: Stack) -> None:
    page = stranger.open("/login")

    page.click("#login-demo")

    expect(page.locator("#login-email")).to_have_value(stack.demo_email)
    page.click("#login-submit")
    expect(page.locator("[data-rule-id]").first).to_be_visible()


def test_a_wrong_password_gets_a_sentence_and_keeps_the_address(
    stranger: Visit, stack: Stack
) -> None:
    page = stranger.open("/login")

    stranger.sign_in(stack.demo_email, "not it")

    expect(page.get_by_role("alert")).to_contain_text("password")
    expect(page.locator("#login-email")).to_have_value(stack.demo_email)
    expect(page.locator("#login-password")).to_have_value("")
    stranger.expect_complaint("status of 40")


def test_signing_out_ends_it(stranger: Visit, stack: Stack) -> None:
    page = stranger.open("/login")
    stranger.sign_in(stack.demo_email, stack.demo_password)
    page.locator("details.account summary").click()

    page.click("#sign-out")

    expect(page.locator("#login-email")).to_be_visible()
    stranger.open("/")
    expect(page.locator("#login-email")).to_be_visible()


def test_a_second_person_sees_nothing_of_the_first(
    stranger: Visit, demo: Visit, people: World
) -> None:
    monitor = demo.monitor_of("Winback after an hour")
    other = people.user()
    stranger.open("/login")
    page = stranger.sign_in(str(other["email"]), PASSWORD)

    expect(page.get_by_role("heading", name="No automation yet")).to_be_visible()
    expect(page.locator("[data-rule-id]")).to_have_count(0)
    stranger.picture("automations-none")
    stranger.open(monitor)
    expect(page.locator("#not-found")).to_contain_text("does not exist")
    expect(page.locator("body")).not_to_contain_text("Winback")
    stranger.expect_complaint("404")


@pytest.mark.parametrize(
    "path", ["/automations/00000000-0000-0000-0000-000000000000/monitor", "/automations/x/monitor"]
)
def test_a_monitor_of_nothing_says_so(demo: Visit, path: str) -> None:
    page = demo.open(path)

    expect(page.locator("#not-found")).to_contain_text("This automation does not exist")
    demo.expect_complaint("404")


def test_an_unknown_address_leads_back(demo: Visit) -> None:
    page = demo.open("/nowhere/at/all")

    expect(page.locator("#not-found")).to_contain_text("There is no page here")
    demo.picture("not-found")
    demo.expect_complaint("404")
    page.get_by_role("link", name="All automations").click()
    expect(page.locator("[data-rule-id]").first).to_be_visible()
