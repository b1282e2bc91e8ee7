"""This file is where a person looks through contacts and history in a browser."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.builders import Row, World, ago
from tests.pages.conftest import Visit
from tests.pages.keeper import Keeper, keeping
from tests.pages.test_axe import findings
from tests.running import Stack

LONG = "Wolfeschlegelstein" * 11
RIGHT_TO_LEFT = "محمد العلي بن عبد الرحمن"
PEOPLE = 60


def settle(keeper: Keeper) -> Row:
    """Sixty people, two of hard names; tries to send to one of them."""
    rule = keeper.rule(name="Winback")
    first = keeper.contact(
        sender_name=RIGHT_TO_LEFT, tags=["vip", LONG[:90].lower()], time_zone="Asia/Dubai"
    )
    keeper.contact(sender_name=LONG, last_inbound_at=None, opted_out_at=ago(days=1))
    for number in range(PEOPLE - 2):
        keeper.contact(sender_name=f"Person {number:02}", last_inbound_at=ago(hours=30))
    for number, outcome in enumerate(("sent", "failed", "unknown")):
        keeper.world.insert(
            "public.ai_automation_attempts",
            user_id=rule["user_id"],
            state_id=keeper.state_of(rule, first)["id"],
            rule_id=rule["id"],
            contact_id=first["id"],
            page_id=keeper.page["id"],
            follow_up=number + 1,
            outcome=outcome,
            message=f"=Message {number} {LONG}",
            error_message=None if outcome == "sent" else f"Reason {LONG}",
            worker="w",
            started_at=ago(minutes=number + 1),
        )
    return first


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    """Somebody who has these, on a desk; axe needs what our policy forbids."""
    with keeping(browser, stack, people, contacts=0, bypass_csp=True) as kept:
        yield kept


def shows(page: Page, text: str) -> None:
    expect(page.locator("#contacts-sum, #history-sum")).to_contain_text(text)


def no_grave_finding(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        assert findings(page, "#content") == []


def box_of(node: Locator) -> tuple[float, float]:
    """Where it begins and ends, from left to right."""
    box = node.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


def no_sideways_scroll(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320
    page.set_viewport_size({"width": 1280, "height": 900})


def test_contacts_are_paged_filtered_and_found_and_back_goes_back(keeper: Keeper) -> None:
    settle(keeper)
    page = keeper.visit.open("/contacts")
    rows = page.locator("#contacts-rows tr")
    expect(rows).to_have_count(50)
    shows(page, f"{PEOPLE} contacts")
    no_grave_finding(page)
    no_sideways_scroll(page)

    page.set_viewport_size({"width": 320, "height": 640})
    assert box_of(rows.first.get_by_role("checkbox"))[1] < box_of(rows.first)[1] - 10
    page.set_viewport_size({"width": 1280, "height": 900})
    page.click("#to-import")
    expect(page.get_by_role("heading", name="Import from a CSV file")).to_be_focused()
    page.click("[data-to=next]")
    expect(rows).to_have_count(PEOPLE - 50)
    page.click("[data-to=prev]")
    expect(rows).to_have_count(50)
    page.fill("#contacts-by-q", "wolfe")
    shows(page, "1 contact fits the filter")
    expect(rows).to_contain_text("never open")
    expect(rows).to_contain_text("Opted out by the contact")
    page.go_back()
    shows(page, f"{PEOPLE} contacts")
    expect(page.locator("#contacts-by-q")).to_have_value("")
    page.locator("[data-tag=vip]").click()
    shows(page, "1 contact fits the filter")
    assert "tag=vip" in page.url
    page.reload()
    expect(rows).to_contain_text(RIGHT_TO_LEFT)
    expect(rows.get_by_text("left")).to_be_visible()
    page.fill("#contacts-by-q", "nobody")
    expect(page.locator("#contacts-none")).to_contain_text("No contact fits this filter")
    page.click("[data-clear]")
    shows(page, f"{PEOPLE} contacts")


def test_a_new_account_is_told_what_will_stand_here(keeper: Keeper) -> None:
    page = keeper.visit.open("/contacts")
    expect(page.locator("#contacts-none")).to_contain_text("No contacts yet")
    page.click("#nav-history")
    expect(page.locator("#history-none")).to_contain_text("Nothing was sent yet")
    no_grave_finding(page)
    page.get_by_role("link", name="Start a run").click()
    expect(page.get_by_role("heading", name="AI Automations")).to_be_visible()


def test_all_that_fit_are_counted_then_tagged_by_keyboard(keeper: Keeper) -> None:
    settle(keeper)
    page = keeper.visit.open("/contacts?q=person")
    shows(page, f"{PEOPLE - 2} contacts fit")

    page.get_by_role("checkbox", name="Select all of this page").check()
    page.get_by_role("button", name=f"Select all {PEOPLE - 2} that fit").click()
    page.get_by_role("button", name="Add tag…").press("Enter")
    page.keyboard.press("Enter")
    for typed, told in (("", "Type a tag first"), ("x" * 101, "has 101"), ("a,b", "One tag")):
        page.locator("#many-tag").fill(typed)
        page.keyboard.press("Enter")
        expect(page.locator("#many-tag-wrong")).to_contain_text(told)
    page.locator("#many-tag").fill("Autumn ")
    expect(page.locator("#many-tag-wrong")).to_have_text("")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_contain_text(f"“autumn” to {PEOPLE - 2} contacts?")
    page.get_by_role("button", name=f"Add the tag: {PEOPLE - 2} contacts").press("Enter")

    expect(page.locator(".many-text")).to_have_text(f"{PEOPLE - 2} tagged")
    expect(page.locator("[data-tag=autumn]")).to_have_count(50)
    no_grave_finding(page)
    [stored] = keeper.world.rows(
        "select count(*) as n from public.contacts where user_id = %s and tags = '{autumn}'",
        keeper.person["id"],
    )
    assert stored["n"] == PEOPLE - 2


def test_what_was_left_halfway_is_offered_on_the_list_of_contacts_too(keeper: Keeper) -> None:
    people = [keeper.contact(sender_name=f"Person {number}")["id"] for number in range(3)]
    wish = {"action": "add_tag", "tag": "winter", "contact_ids": people}
    counts = {"total": 3, "done": 1, "changed": 1}
    keeper.world.insert("public.bulk_actions", user_id=keeper.person["id"], **wish, **counts)

    page = keeper.visit.open("/contacts")

    bar = page.locator(".many-bar")
    expect(bar).to_contain_text("Adding the tag: 1 of 3 done, 2 left. It was left halfway.")
    bar.get_by_role("button", name="Go on").click()
    expect(bar).to_contain_text("3 tagged")
    expect(page.locator("[data-tag=winter]")).to_have_count(2)
    keeper.visit.picture("contacts-many")


def test_the_history_is_filtered_and_taken_home_and_leads_to_the_contact(keeper: Keeper) -> None:
    first = settle(keeper)
    page = keeper.visit.open("/history")
    rows = page.locator("#history-rows tr")
    expect(rows).to_have_count(3)
    no_grave_finding(page)
    no_sideways_scroll(page)

    for choice in page.locator("#history-list select").all():
        begin, end = box_of(choice)
        assert end - begin > 160, "its words are cut"
    page.select_option("#history-by-outcome", "failed")
    expect(rows).to_have_count(1)
    expect(page.locator("[data-csv]")).to_have_attribute("href", "/history.csv?outcome=failed")
    with page.expect_download() as download:
        page.click("[data-csv]")
    text = download.value.path().read_text(encoding="utf-8-sig")
    [taken] = csv.DictReader(io.StringIO(text))
    assert taken["message"].startswith("'=Message 1")
    page.get_by_role("link", name=RIGHT_TO_LEFT).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(RIGHT_TO_LEFT)
    assert page.url.endswith(f"/contacts/{first['id']}")
    page.go_back()
    expect(rows).to_have_count(1)
    page.goto(keeper.visit.stack.dashboard_url + "/history?from=abc&outcome=zzz")
    expect(page.locator("#history-problem")).to_contain_text("in “outcome”, “from” is not known")
    expect(rows).to_have_count(3)
    page.select_option("#history-by-outcome", "failed")
    expect(page.locator("#history-problem")).to_be_hidden()


def test_a_contact_has_one_story_and_its_tags_and_opting_out_are_the_owners(
    keeper: Keeper,
) -> None:
    first = settle(keeper)
    page = keeper.visit.open(f"/contacts/{first['id']}")
    expect(page.locator(".attempt-entry")).to_have_count(3)
    no_grave_finding(page)
    no_sideways_scroll(page)

    page.fill("#contact-tag", "a,b")
    page.press("#contact-tag", "Enter")
    expect(page.locator("#contact-tag-wrong")).to_contain_text("without a comma")
    page.fill("#contact-tag", "Regular")
    page.press("#contact-tag", "Enter")
    expect(page.locator(".chips-line")).to_contain_text("regular")
    page.get_by_role("button", name="Remove tag vip").click()
    expect(page.locator(".chips-line")).not_to_contain_text("vip")
    page.get_by_role("button", name="Opt out").click()
    expect(page.locator("#contact-who")).to_contain_text("You opted this contact out")
    page.get_by_role("button", name="Lift the opt-out").click()
    expect(page.get_by_role("button", name="Opt out")).to_be_visible()


def test_a_contact_that_is_not_yours_is_a_404_like_any_other(keeper: Keeper, demo: Visit) -> None:
    theirs = keeper.contact()
    for path in (f"/contacts/{theirs['id']}", "/contacts/nobody"):
        answer: Any = demo.page.goto(demo.stack.dashboard_url + path)
        assert answer.status == 404
        expect(demo.page.get_by_role("heading", level=1)).to_have_text(
            "This contact does not exist"
        )
        demo.expect_complaint("404")
