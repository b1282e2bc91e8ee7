"""This file is where a person connects Facebook pages, sees how they are, and acts on them."""

import re
import secrets
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import PASSWORD, Row, World, ago
from tests.pages.conftest import Visit, session_of, visiting
from tests.pages.keeper import Keeper, keeping
from tests.running import Stack, until

HARBOUR = "104200000000002"
TOKEN = f"sandbox-page-{HARBOUR}"
LONG = "A very long name of a page that goes on and on " * 4


@pytest.fixture
def keeper(browser: Browser, stack: Stack, people: World) -> Iterator[Keeper]:
    """Somebody with one page and three contacts."""
    with keeping(browser, stack, people) as keeper:
        yield keeper


@pytest.fixture
def newcomer(browser: Browser, stack: Stack, people: World) -> Iterator[Visit]:
    """Somebody who has no page yet."""
    person = people.user(f"{secrets.token_hex(6)}@example.com")
    session = session_of(stack, str(person["email"]), PASSWORD)
    with visiting(browser, stack, storage_state=session) as visit:
        yield visit


def submit(page: Page, token: str) -> None:
    page.fill("#connect-token", token)
    page.click("dialog button[type=submit]")


def page_of(people: World, facebook_id: str) -> Row:
    return people.rows(
        "select * from public.facebook_pages where facebook_page_id = %s"
        " order by created_at desc limit 1",
        facebook_id,
    )[0]


def test_a_newcomer_connects_a_page_its_people_come_in_and_are_written_to(
    newcomer: Visit, people: World, stack: Stack
) -> None:
    page = newcomer.open("/pages")
    expect(page.locator("#pages-empty")).to_be_visible()
    page.click("#pages-connect-first")
    submit(page, "EAAnobody-gave-this-token")
    expect(page.locator("#connect-token-error")).to_contain_text("does not accept this token")
    expect(page.locator("#connect-token")).to_have_attribute("aria-invalid", "true")
    submit(page, "sandbox-user-token")
    expect(page.get_by_role("radio")).to_have_count(4)
    page.fill("#connect-token", "sandbox-user-token ")
    expect(page.get_by_role("radio")).to_have_count(0)
    page.click("dialog button[type=submit]")
    page.get_by_role("radio", name="Harbour Coffee").check()
    newcomer.picture("pages-choosing")
    page.get_by_role("button", name="Connect this page").click()
    page.get_by_role("button", name="Done").click()

    card = page.locator("[data-page]")
    expect(card).to_contain_text("Conversations read")
    expect(card.locator(".page-figures strong")).to_have_text("64")

    connected = page_of(people, HARBOUR)
    look_at_what_is_offered_next(page, people, connected)
    people.rule(connected, daily_limit=1, next_run_at=ago(minutes=1))
    address = f"{stack.sandbox_url}/facebook/messages?page_id={HARBOUR}"
    with closing(httpx.Client(trust_env=False)) as http:
        [message] = until(lambda: http.get(address).json())
    names = people.rows(
        "select sender_name from public.contacts where page_id = %s and sender_id = %s",
        connected["id"],
        message["recipient_id"],
    )
    assert len(names) == 1


def look_at_what_is_offered_next(page: Page, people: World, connected: Row) -> None:
    """With two of a person's pages connected these say so, and the third one is chosen."""
    other = {"facebook_page_id": "104200000000001", "name": "Bella's Bakery"}
    people.page({"id": connected["user_id"]}, **other)
    expect(page.locator("[data-page]")).to_have_count(2)
    page.click("#pages-connect")
    submit(page, "sandbox-user-token")
    mine = page.get_by_role("radio", name="Harbour Coffee")
    expect(mine).to_have_accessible_name(re.compile("already connected: its token will be renewed"))
    expect(page.get_by_role("radio", name="مقهى الزيتون")).to_be_checked()
    page.keyboard.press("Escape")


def test_a_token_is_nowhere_but_sealed(newcomer: Visit, people: World, stack: Stack) -> None:
    page = newcomer.open("/pages")
    page.click("#pages-connect-first")
    page.fill("#connect-token", TOKEN)
    page.fill("#connect-page_id", "77")
    typed = kept_in(page)
    page.click("dialog button[type=submit]")
    expect(page.locator("#connect-page_id-error")).to_contain_text(f"({HARBOUR}), not for 77")
    page.fill("#connect-page_id", "")
    page.click("dialog button[type=submit]")
    expect(page.get_by_text("is connected.")).to_be_visible()

    logs = "".join(path.read_text() for path in (stack.home / "logs").glob("*.log"))
    rows = people.rows(
        "select p::text || coalesce(k::text, '') || coalesce(s::text, '') || coalesce(a::text, '')"
        " as row from public.facebook_pages as p"
        " left join public.facebook_page_secrets as k on k.page_id = p.id"
        " left join public.facebook_page_syncs as s on s.page_id = p.id"
        " left join public.ai_automation_audit as a on a.page_id = p.id"
    )
    places = [typed, kept_in(page), logs, str(rows), *newcomer.requested]
    assert [place[:80] for place in places if TOKEN in place] == []


def kept_in(page: Page) -> str:
    """The document, its address and everything the browser stores."""
    stored = page.evaluate(
        "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie,"
        " (window.dash_stores || []).map((store) => store.getState().layout)])"
    )
    return page.content() + page.url + str(stored)


def test_a_page_is_paused_and_resumed_and_its_rate_is_set(keeper: Keeper) -> None:
    rule = keeper.rule(name="Held one", enabled=True, next_run_at=ago(hours=-1))
    page = keeper.visit.open("/pages")
    card = page.locator(f"[data-page='{keeper.page['id']}']")
    health = card.locator(".page-health")
    expect(health).to_contain_text("Connected")

    card.get_by_role("button", name="Pause").click()
    expect(health).to_contain_text("Paused by you")
    keeper.visit.open("/")
    strip = keeper.card(rule).locator(".notice")
    expect(strip).to_contain_text("The page is paused")
    strip.get_by_role("link", name="Open Pages").click()
    card.get_by_role("button", name="Resume").click()
    expect(health).to_contain_text("Connected")

    for wrong in ("many", "0", "-5", "99999"):
        card.get_by_label("Messages a minute").fill(wrong)
        expect(card.locator(".field-error")).to_be_empty()
        card.get_by_role("button", name="Save").click()
        expect(card.locator(".field-error")).to_contain_text("a whole number from 1 to 2,400")
        expect(card.get_by_label("Messages a minute")).to_have_attribute("aria-invalid", "true")
    card.get_by_label("Messages a minute").fill("45")
    card.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("At most 45 messages a minute")
    assert stored(keeper)["sends_per_minute"] == 45


def stored(keeper: Keeper) -> Row:
    """The keeper's page as it is in the database now."""
    query = "select * from public.facebook_pages where id = %s"
    return keeper.world.rows(query, keeper.page["id"])[0]


def test_a_disconnected_page_keeps_its_people_and_goes_on_with_the_right_token(
    keeper: Keeper,
) -> None:
    number = f"55{secrets.randbelow(10**12):012}"
    keeper.world.rows(
        "update public.facebook_pages set facebook_page_id = %s where id = %s returning 1",
        number,
        keeper.page["id"],
    )
    page = keeper.visit.open("/pages")
    card = page.locator(f"[data-page='{keeper.page['id']}']")
    health = card.locator(".page-health")

    card.get_by_role("button", name="Pause").click()
    expect(health).to_contain_text("Paused by you")
    card.get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    expect(health).to_contain_text("Disconnected")
    expect(card).to_contain_text("Its automations stand still")
    card.get_by_role("button", name="Connect again").click()
    submit(page, TOKEN)
    expect(page.locator("#connect-form-error")).to_contain_text("not for")
    submit(page, f"sandbox-page-{number}")
    expect(page.get_by_role("dialog")).to_contain_text("You paused this page")
    page.get_by_role("button", name="Done").click()
    expect(health).to_contain_text("Paused by you")
    assert stored(keeper)["disconnected_at"] is None
    assert stored(keeper)["subscribed_at"]
    expect(card.locator(".page-figures strong")).to_have_text("3")


def test_trouble_and_progress_are_told_with_cause_time_and_what_to_do(keeper: Keeper) -> None:
    world, person = keeper.world, keeper.person
    refused = world.page(person, facebook_page_id=secrets.token_hex(6), name="محل الزهور",
                         status="token_invalid", status_reason="The token has expired (190/463)",
                         paused_until=ago(minutes=-20), setback_at=ago(minutes=10))  # fmt: skip
    slow = world.page(person, facebook_page_id=secrets.token_hex(6), name=LONG[:200],
                      paused_until=ago(minutes=-5), usage_percent=96, usage_at=ago())  # fmt: skip
    world.insert(
        "public.facebook_page_syncs",
        page_id=slow["id"],
        user_id=person["id"],
        phase="reading",
        is_full=True,
        threads_seen=12_500,
        threads_total=50_000,
        seconds_a_thread=0.02,
        started_at=ago(minutes=4),
        lease_expires_at=ago(hours=-1),
    )

    page = keeper.visit.open("/pages")
    cards = {row["id"]: page.locator(f"[data-page='{row['id']}']") for row in (refused, slow)}
    expect(cards[refused["id"]].locator(".page-health")).to_contain_text("Access refused")
    expect(cards[refused["id"]].locator(".notice")).to_contain_text("The token has expired")
    expect(cards[refused["id"]].locator(".notice")).to_contain_text("Give the page a new token")
    expect(cards[refused["id"]].locator(".notice-time")).to_have_text(
        re.compile(r"for 1\d min.* · next try by itself in")
    )
    expect(cards[refused["id"]].get_by_role("button").first).to_be_visible()
    expect(cards[slow["id"]].locator(".page-health")).to_contain_text("Waiting for Facebook")
    expect(cards[slow["id"]]).to_contain_text("Read 12,500 of 50,000 conversations")
    expect(cards[slow["id"]]).to_contain_text("about 12 min 30 s left")
    expect(cards[slow["id"]].get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    expect(cards[slow["id"]].get_by_role("meter")).to_have_attribute("aria-valuenow", "96")
    cards[slow["id"]].get_by_role("button", name="Try now").click()
    expect(cards[slow["id"]].locator(".page-health")).to_contain_text("Connected")
    keeper.visit.picture("pages-trouble")
