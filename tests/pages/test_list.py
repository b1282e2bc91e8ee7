"""This file is where a person keeps automations: looks ahead, runs, deletes, takes it back."""

import re
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.builders import World
from tests.pages.conftest import waiting
from tests.pages.keeper import Keeper, keeping
from tests.running import Stack, until

CALLBACKS = "**/_dash-update-component*"


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    """Somebody with three contacts and no automation yet."""
    with keeping(browser, stack, people) as keeper:
        yield keeper


def test_an_empty_list_teaches_and_leads_to_the_first_automation(keeper: Keeper) -> None:
    page = keeper.visit.open("/")

    empty = page.locator("#rules-empty")
    expect(empty).to_contain_text("dry run shows whom it would write to")
    expect(empty.get_by_role("link", name="Make the first one")).to_have_attribute(
        "href", "/automations/new"
    )
    expect(page.locator("#totals")).to_be_hidden()


def test_a_card_has_every_button_and_names_its_automation_in_them(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback <b>& Söhne</b>", review_before_send=True)
    keeper.visit.open("/")
    card = keeper.card(rule)

    for word in ("Monitor", "Edit"):
        expect(card.get_by_role("link", name=f"{word}: {rule['name']}")).to_be_visible()
    for word in ("Run now", "Dry run", "Delete"):
        expect(card.get_by_role("button", name=f"{word}: {rule['name']}")).to_be_visible()
    expect(card.get_by_role("switch", name=str(rule["name"]))).to_have_attribute(
        "aria-checked", "false"
    )
    expect(card).to_contain_text("Each message waits for your approval")
    expect(card).to_contain_text("No run yet · switched off")
    expect(keeper.visit.page.locator("#rules-zone")).to_contain_text("times in")


def test_run_now_asks_with_the_number_that_is_then_queued(keeper: Keeper) -> None:
    # Everybody must wait: queued, checked, skipped; nobody is written to.
    rule = keeper.rule(enabled=True, wait_minutes=43200)
    page = keeper.visit.open("/")

    keeper.card(rule).get_by_role("button", name="Run now").click()

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 contacts would be queued now")
    expect(dialog).to_contain_text("3 would be checked and skipped")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    keeper.card(rule).get_by_role("button", name="Run now").click()
    page.get_by_role("button", name="Queue 3 contacts").click()
    expect(page.locator("#toasts")).to_contain_text("3 contacts queued")
    expect(dialog).to_have_count(0)


def test_a_dry_run_of_an_automation_that_is_off_says_so_and_names_everybody(keeper: Keeper) -> None:
    rule = keeper.rule(exclude_tags=["vip"])
    for number in range(30):
        keeper.contact(sender_name=f"VIP {number:02}", tags=["vip"])
    page = keeper.visit.open("/")

    keeper.card(rule).get_by_role("button", name="Dry run").click()

    drawer = page.locator("#dry")
    expect(drawer).to_contain_text(
        "This automation is off, so nobody gets a message. If it were on:"
    )
    expect(drawer).to_contain_text("3 of 33 contacts would get a message now.")
    expect(drawer.locator(".dry-people li")).to_have_count(25)
    expect(drawer.locator(".dry-people li").first).to_have_text("Person 1Would get a message")
    drawer.get_by_role("button", name="Next →").click()
    expect(drawer.locator(".list-foot")).to_contain_text("26–33 of 33")
    expect(drawer.locator(".dry-people li").last).to_have_text("VIP 29Has an excluded tag")
    drawer.get_by_role("button", name=re.compile("Would get a message")).click()
    expect(drawer.locator(".dry-people li")).to_have_count(3)
    page.fill("#dry-search", "person 2")
    expect(drawer.locator(".dry-people li")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    assert states(keeper) == 0


def test_deleting_asks_and_can_be_undone(keeper: Keeper) -> None:
    rule = keeper.rule(name="Winback")
    page = keeper.visit.open("/")

    keeper.card(rule).get_by_role("button", name="Delete").click()

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete “Winback”?")
    dialog.get_by_role("button", name="Delete").click()
    expect(keeper.card(rule)).to_have_count(0)
    expect(page.locator("#rules-empty")).to_be_visible()
    assert keeper.stored(rule)["deleted_at"]
    page.get_by_role("button", name="Undo").click()
    expect(keeper.card(rule)).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("“Winback” is back, and off")
    assert keeper.stored(rule)["deleted_at"] is None


def test_an_answer_that_comes_late_does_not_change_what_yes_means(keeper: Keeper) -> None:
    slow, other = keeper.rule(name="Slow", enabled=True, wait_minutes=43200), keeper.rule(name="B")
    page = keeper.visit.open("/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        asked = route.request.post_data or ""
        held.append(route) if '"act":"run"' in asked else route.continue_()

    page.route(CALLBACKS, hold)
    keeper.card(slow).get_by_role("button", name="Run now").click()
    until(lambda: page.wait_for_timeout(1) or held)
    with page.expect_response(lambda answer: "ask-about" in (answer.request.post_data or "")) as it:
        keeper.card(other).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete “B”?")

    with page.expect_request_finished(lambda request: request == held[0].request):
        held[0].continue_()
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")

    expect(dialog).to_contain_text("Delete “B”?")
    dialog.get_by_role("button", name="Delete").click()
    expect(keeper.card(other)).to_have_count(0)
    assert states(keeper) == 0
    # The words and what yes means are one message.
    meant = it.value.json()["sideUpdate"]["ask-what"]["data"]
    assert meant == {"act": "delete", "rule_id": str(other["id"])}


def test_the_way_back_also_works_from_another_page(
    keeper: Keeper,
) -> None:
    rule = keeper.rule(name="Winback")
    page = keeper.visit.open("/")
    keeper.card(rule).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()

    page.get_by_role("link", name="Contacts", exact=True).click()
    expect(page.get_by_role("heading", name="Contacts", level=1)).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(page.locator("#toasts")).to_contain_text("is back")
    assert keeper.stored(rule)["deleted_at"] is None


def test_what_needs_a_person_comes_first_and_leads_to_who_it_is(keeper: Keeper) -> None:
    keeper.rule(name="A quiet one")
    rule = keeper.rule(name="B", review_before_send=True)
    state = waiting(keeper.world, rule, keeper.contact(sender_name="Jane Waits"))
    keeper.world.insert(
        "public.ai_automation_contact_states",
        user_id=rule["user_id"],
        rule_id=rule["id"],
        contact_id=keeper.contact(sender_name="Joe Failed")["id"],
        current_stage="failed",
        error_code="not_accepted",
        error_message="Not accepted.",
    )
    page = keeper.visit.open("/")
    expect(page.locator("[data-rule-id]").first).to_contain_text("1 message waits for your review")
    expect(page.get_by_role("link", name="Failed, last 24 h")).to_have_attribute(
        "href", f"/automations/{rule['id']}/monitor?stage=failed"
    )

    keeper.card(rule).get_by_role("link", name="1 message waits for your review").click()

    expect(page.locator(".contact")).to_have_attribute("data-state-id", str(state["id"]))
    page.locator(".stage[data-stage=ready_to_send]").click()
    expect(page.locator(".contact")).to_have_count(2)
    page.get_by_role("button", name="Look at them").click()
    expect(page.locator(".contact")).to_have_count(1)
    expect(page.locator(".contact")).to_have_attribute("data-state-id", str(state["id"]))


def test_many_automations_can_be_searched_and_ordered(keeper: Keeper) -> None:
    for number in range(8):
        keeper.rule(name=f"Rule {number}", include_tags=["cake"] if number % 2 else [])
    page = keeper.visit.open("/")
    cards = page.locator("[data-rule-id]")
    expect(cards).to_have_count(8)

    page.fill("#rules-search", "CAKE")
    expect(cards).to_have_count(4)
    page.fill("#rules-search", "nothing like it")
    expect(page.locator("#rules-none")).to_have_text("No automation fits this search.")
    page.fill("#rules-search", "")
    expect(cards).to_have_count(8)
    page.select_option("#rules-sort", "last_run")
    expect(cards).to_have_count(8)


def test_on_a_phone_cards_come_by_the_step_and_a_search_looks_at_all(keeper: Keeper) -> None:
    for number in range(12):
        page_of = keeper.world.page(
            keeper.person, facebook_page_id=secrets.token_hex(6), name=f"Shop {number:02}"
        )
        keeper.world.rule(page_of, name=f"Rule {number:02}", enabled=False)
    keeper.world.rows(
        "update public.facebook_pages set paused_at = now() where id = %s returning id",
        page_of["id"],
    )
    keeper.visit.page.set_viewport_size({"width": 320, "height": 640})
    for path, more, cards, name in (
        ("/", "Show 2 more of 12", "#rules > .rule", "Rule 11"),
        ("/pages", "Show 3 more of 13, 1 in trouble", "#pages > .page-card", "Shop 11"),
    ):
        page = keeper.visit.open(path)
        found = page.locator(cards)
        expect(found).to_have_count(10)

        page.get_by_role("button", name=more).press("Enter")

        expect(page.locator(".more")).to_be_hidden()
        expect(found.nth(10).locator("a, button, input").first).to_be_focused()
        page.get_by_role("searchbox").fill(name)
        # By texts, so that whoever is there too is named.
        expect(found).to_contain_text([name])
        page.get_by_role("searchbox").fill("")
        expect(found).to_have_count(10)


def test_few_automations_need_no_search(keeper: Keeper) -> None:
    keeper.rule()
    page = keeper.visit.open("/")

    expect(page.locator("[data-rule-id]")).to_have_count(1)
    expect(page.locator("#rules-tools")).to_be_hidden()


def test_an_automation_made_elsewhere_appears_and_one_deleted_elsewhere_goes(
    keeper: Keeper,
) -> None:
    first = keeper.rule(name="First")
    page = keeper.visit.open("/")
    expect(keeper.card(first)).to_be_visible()

    second = keeper.rule(name="Second")
    keeper.world.rows(
        "update public.ai_automation_rules set deleted_at = now() where id = %s returning id",
        first["id"],
    )

    expect(keeper.card(second)).to_be_visible()
    expect(keeper.card(first)).to_have_count(0)
    expect(page.locator("[data-total=active]")).to_have_text("0")


def states(keeper: Keeper) -> int:
    return len(
        keeper.world.rows(
            "select 1 from public.ai_automation_contact_states where user_id = %s",
            keeper.person["id"],
        )
    )
