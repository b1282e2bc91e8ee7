"""This file is where a page's conversations are read: in full, then by change, whatever happens."""

import asyncio
from datetime import timedelta

import pytest

from local.sandbox.serve import call
from pipeline.vault import Vault
from tests.builders import ago
from tests.story.telling import KEY, Worker

PAGE = "104200000000009"
PEOPLE = 60


@pytest.fixture
def page(story):
    """A page that its owner has just connected; 60 people have written to it."""
    token = Vault(KEY).seal(f"sandbox-page-{PAGE}")
    named = {"p_facebook_page_id": PAGE, "p_name": "Harbour Coffee"}
    page_id = story.call("connect_page", **named, p_encrypted_token=token)
    body = {"page_id": PAGE, "people": PEOPLE, "each": 3}
    call("POST", f"{story.facebook.url}/facebook/threads", json=body).raise_for_status()
    return {"id": page_id}


def person(number):
    return f"0009{number:012}000"


def now(story, page):
    """The page and how far it is read."""
    [row] = story.world.rows(
        "select * from public.facebook_pages as p"
        " inner join public.facebook_page_syncs as s on s.page_id = p.id where p.id = %s",
        page["id"],
    )
    return row


def contacts(story, page):
    rows = story.world.rows("select * from public.contacts where page_id = %s", page["id"])
    return {row["sender_id"]: row for row in rows}


def skip_ahead(story, page):
    """As if the wait were over, a dead worker's lease run out, and the next round due."""
    story.world.rows(
        "update public.facebook_page_syncs set not_before_at = null, finished_at = %s,"
        " lease_expires_at = least(lease_expires_at, now()) where page_id = %s returning 1",
        ago(hours=1),
        page["id"],
    )
    story.update("facebook_pages", page, paused_until=None)


def test_everybody_who_wrote_comes_in_and_two_calls_a_second_are_the_most(story, page):
    story.turn("sync")

    known, done = contacts(story, page), now(story, page)
    said = story.world.rows("select direction, body from public.contact_messages")
    assert len(known) == PEOPLE
    assert (done["phase"], done["threads_seen"], done["threads_total"]) == ("idle", PEOPLE, PEOPLE)
    assert done["subscribed_at"]
    assert [known[person(n)]["sender_name"] for n in (0, 3, 10)] == ["Lena Vogt", "محمد العلي", ""]
    assert known[person(16)]["last_inbound_at"] is None  # every message of it was deleted
    assert {row["time_zone"] for row in known.values()} == {None}
    assert {row["direction"] for row in said} == {"in", "out"}
    assert len(story.worker.waited) == 4
    assert done["next_call_at"] - done["started_at"] >= 4 * timedelta(seconds=0.5)


def test_a_later_round_reads_what_changed_and_moves_no_time_back(story, page):
    story.turn("sync")
    before = contacts(story, page)
    story.facebook.reply(PAGE, person(5), "One more question")
    story.facebook.reply(PAGE, "77", "I am new here")
    skip_ahead(story, page)

    story.turn("sync")

    after = contacts(story, page)
    moved = [
        key for key in before if after[key]["last_inbound_at"] != before[key]["last_inbound_at"]
    ]
    assert now(story, page)["threads_seen"] <= 3
    assert moved == [person(5)]
    assert after[person(5)]["last_inbound_at"] > before[person(5)]["last_inbound_at"]
    assert set(after) - set(before) == {"77"}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("expired-cursor", "cursor_expired"),
        ("rate-limit", "rate_limited"),
        ("unknown", "not_readable"),
        ("reset-before", "facebook_unreachable"),
        ("too-much-data", "too_much_data"),
    ],
)
def test_an_error_in_the_middle_is_told_and_nobody_is_lost(story, page, kind, code):
    kind = "accept-then-error" if kind == "unknown" else kind
    one_step(story, page, steps=2)
    story.facebook.fault("facebook", kind, call="list")
    skip_ahead(story, page)
    story.turn("sync")
    told = now(story, page)
    size = told["page_size"]
    skip_ahead(story, page)

    story.turn("sync")

    assert told["error_code"] == code
    assert told["error_message"]
    assert told["error_hint"]
    assert (told["status"], told["paused_until"] is not None) == ("active", kind == "rate-limit")
    assert size == (12 if kind == "too-much-data" else 25)
    assert (now(story, page)["error_code"], now(story, page)["phase"]) == (None, "idle")
    assert len(contacts(story, page)) == PEOPLE


def test_whose_a_page_is_facebook_says_and_not_who_typed_its_id(story, page):
    thief = story.world.user()
    token = Vault(KEY).seal("sandbox-page-104200000000008")
    named = {"p_facebook_page_id": PAGE, "p_name": "Mine", "p_encrypted_token": token}
    theirs = story.user(thief).rpc("connect_page", named).execute().data
    assert now(story, page)["proven_at"] is None

    story.turn("sync")

    assert now(story, page)["proven_at"]
    assert len(contacts(story, page)) == PEOPLE
    refused = now(story, {"id": theirs})
    assert (refused["proven_at"], refused["error_code"]) == (None, "another_page")
    assert (refused["status"], refused["subscribed_at"]) == ("token_invalid", None)
    assert contacts(story, {"id": theirs}) == {}


def test_a_dead_token_stops_the_page_as_a_send_would(story, page):
    story.facebook.fault("facebook", "token-expired", call="list")

    story.turn("sync")
    stopped = now(story, page)
    skip_ahead(story, page)
    story.turn("sync")

    assert stopped["status"] == "token_invalid"
    assert stopped["paused_until"]
    assert "new access token" in stopped["error_hint"]
    assert contacts(story, page) == {}


def test_a_worker_that_is_killed_in_the_middle_is_followed_by_another(story, page, supabase):
    seen = one_step(story, page, steps=2)
    other = Worker(supabase, story.facebook, "other")

    other.turn("sync")
    while_leased = now(story, page)["threads_seen"]
    skip_ahead(story, page)
    other.turn("sync")
    calls = len(other.waited)
    other.close()

    assert (seen, while_leased) == (25, 25)
    assert calls == 2  # 25 of the 60 were read before
    assert len(contacts(story, page)) == PEOPLE
    assert now(story, page)["phase"] == "idle"


def one_step(story, page, steps):
    """So many calls of a worker that is then killed; how many conversations were read by then."""

    class KilledError(BaseException):
        """Nothing is given back."""

    async def die_after(seconds):
        story.worker.waited.append(seconds)
        if len(story.worker.waited) > steps:
            raise KilledError

    async def run():
        syncs = story.worker.syncs_that(die_after)
        await syncs.turn()
        await asyncio.gather(*syncs._tasks, return_exceptions=True)

    story.worker.run(run())
    return now(story, page)["threads_seen"]


def test_two_workers_never_read_one_page_at_once(story, page, supabase):
    other = Worker(supabase, story.facebook, "other")
    mine = story.worker.run(story.worker.syncs._store.claim(4))
    theirs = other.run(other.syncs._store.claim(4))
    [lease] = mine
    skip_ahead(story, page)
    [taken] = other.run(other.syncs._store.claim(4))

    late = story.worker.run(story.worker.syncs._store.advance(lease, {"threads": 9}))
    other.close()

    assert theirs == []
    assert taken.lease_token != lease.lease_token
    assert late == {"held": False}
    assert now(story, page)["threads_seen"] == 0


def test_a_page_that_is_nearly_full_is_left_alone_for_a_while(story, page):
    story.facebook.fault("facebook", "usage-high", call="list")

    story.turn("sync", "sync")

    held = now(story, page)
    assert (held["usage_percent"], held["phase"], held["error_code"]) == (96, "reading", None)
    assert held["paused_until"] > ago(minutes=-4)
    assert len(story.worker.waited) == 1
