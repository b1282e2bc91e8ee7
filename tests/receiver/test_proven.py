"""This file is where only the page that Facebook vouches for hears what Facebook tells of it."""

from contextlib import suppress

from postgrest import APIError
from psycopg.types.json import Jsonb

from tests.database.acting import call, call_as, change
from tests.receiver.telling import body_of, message, now_ms

DUE_NOW = "update public.facebook_events set due_at = now() where done_at is null returning 1"
WAITING = "select problem from public.facebook_events where done_at is null"
BARE = {"told": {}, "sender_id": None}


def known_to(world, page):
    rows = world.rows("select sender_id from public.contacts where page_id = %s", page["id"])
    return sorted(row["sender_id"] for row in rows)


def lease(world):
    told = {"p_worker": "worker-1", "p_limit": 9, "p_lease_seconds": 60}
    return call(world.connection, "claim_syncs", **told)


def prove(world, claimed):
    told = {f"p_{name}": claimed[name] for name in ("page_id", "lease_token", "encrypted_token")}
    [answer] = call(world.connection, "prove_page", **told)
    return answer["prove_page"]


def connect(world, person, number, sealed="sealed"):
    told = {"p_facebook_page_id": number, "p_name": "Mine", "p_encrypted_token": sealed}
    return {"id": call_as(world, person, "connect_page", **told), "facebook_page_id": number}


def test_who_only_names_a_page_hears_nothing_of_it(facebook, world, page):
    thief = world.user()
    theirs = connect(world, thief, page["facebook_page_id"])
    call_as(world, thief, "note_subscription", p_page_id=theirs["id"], p_error=None)
    said = Jsonb([{"line": 2, "sender_id": "77"}])
    call_as(world, thief, "import_contacts", p_page_id=theirs["id"], p_contacts=said)

    facebook.tell(message(page, "78", "My address is 1 Mill Lane"), message(page, "77", "STOP"))

    assert known_to(world, page) == ["77", "78"]
    assert known_to(world, theirs) == ["77"]
    heard = world.rows("select distinct user_id from public.contact_messages")
    assert [row["user_id"] for row in heard] == [page["user_id"]]
    assert world.rows(WAITING) == [{"problem": "unproven_page"}] * 2
    change(world, "facebook_pages", {"id": theirs["id"]}, status="token_invalid")
    world.rows(DUE_NOW)
    facebook.settle()
    assert world.rows(WAITING) == [], "Facebook says that it is not their page"
    assert world.rows("select told, sender_id from public.facebook_events") == [BARE] * 2


def test_deleting_an_imported_contact_takes_no_event_from_another_owner(facebook, world, page):
    thief = world.user()
    theirs = connect(world, thief, page["facebook_page_id"])
    victim = world.contact(page, sender_id="77")
    copied = world.contact({**theirs, "user_id": thief["id"]}, sender_id="77")
    facebook.post(body_of(message(page, "77", "STOP")))
    facebook.run(facebook.mover.move())

    call_as(world, thief, "delete_contact", p_contact_id=copied["id"])
    facebook.run(facebook.mover.work())

    [still] = world.rows("select opted_out_by from public.contacts where id = %s", victim["id"])
    assert still["opted_out_by"] == "contact"


def test_what_is_told_before_the_proof_waits_for_it(facebook, world):
    person = world.user()
    page = connect(world, person, "1999")
    facebook.tell(message(page, "77"))
    assert known_to(world, page) == []
    assert world.rows(WAITING) == [{"problem": "unproven_page"}]

    [claimed] = lease(world)
    assert claimed["must_prove"]
    assert prove(world, claimed)
    facebook.settle()

    assert known_to(world, page) == ["77"]
    assert not prove(world, {**claimed, "encrypted_token": "another"})
    assert not prove(world, {**claimed, "lease_token": page["id"]})
    connect(world, person, "1999", "newer")
    facebook.tell(message(page, "78"))
    assert known_to(world, page) == ["77"], "a new token proves itself"
    assert not prove(world, claimed), "what was asked about the old one says nothing"


def test_nothing_waits_for_a_proof_for_longer_than_a_day(facebook, world):
    page = connect(world, world.user(), "1999")
    facebook.tell(message(page, "77", "My address"))
    old = "update public.facebook_events set received_at = now() - interval '25 h' returning 1"
    world.rows(old)
    world.rows(DUE_NOW)

    facebook.settle()

    [event] = world.rows("select * from public.facebook_events")
    assert (event["problem"], event["told"], event["sender_id"]) == ("unknown_page", {}, None)
    assert event["done_at"]


def test_a_disconnected_page_hears_nothing(facebook, world, page):
    person = {"id": page["user_id"]}
    call_as(world, person, "disconnect_page", p_page_id=page["id"])

    facebook.tell(message(page, "77"))

    assert known_to(world, page) == []
    assert world.rows(WAITING) == []


def test_a_warning_that_came_after_a_block_takes_nothing_of_it_back(facebook, world, page):
    def enforced(action, at):
        told = {"action": action, "reason": "Promotions"}
        to = {"recipient": {"id": page["facebook_page_id"]}}
        return {**to, "timestamp": at, "policy_enforcement": told}

    now = now_ms()
    facebook.tell(enforced("warning", now - 1000))
    facebook.tell(enforced("block", now - 2000))
    facebook.tell(enforced("warning", now - 3000))

    [found] = world.rows("select status, status_reason from public.facebook_pages")
    assert found == {"status": "restricted", "status_reason": "Facebook (block): Promotions"}


def test_what_takes_too_long_is_done_in_parts_and_holds_up_no_other_page(facebook, world, page):
    """No handler in SQL catches a statement that reaches its time limit: all of it rolls back."""
    other = world.page(world.user())
    world.connection.execute(
        "create function public.slow() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from told) > 2 then"
        " raise exception 'canceling statement' using errcode = '57014'; end if;"
        " return null; end $$;"
        " create trigger slow after insert on public.contact_messages referencing new table as told"
        " for each statement execute function public.slow()"
    )
    facebook.post(body_of(*(message(page, f"7{number}") for number in range(8))))
    facebook.post(body_of(message(other, "90")))
    facebook.run(facebook.mover.move())

    for _ in range(20):
        with suppress(APIError):
            facebook.run(facebook.mover.work())

    assert len(known_to(world, page)) == 8
    assert known_to(world, other) == ["90"]
    assert world.rows(WAITING) == []


def test_only_what_is_due_and_not_worked_on_makes_a_receiver_late(facebook, world, page):
    def behind():
        [row] = call(world.connection, "receiver_health")
        return row["receiver_health"]["behind_seconds"]

    facebook.tell(message(connect(world, world.user(), "1999"), "77"))
    assert world.rows(WAITING) == [{"problem": "unproven_page"}]
    assert behind() == 0, "nobody holds up all sending by naming a page"

    facebook.post(body_of(message(page, "78", "STOP")))
    facebook.run(facebook.mover.move())
    late = "update public.facebook_events set due_at = now() - interval '2 min' returning 1"
    world.rows(late)
    assert behind() >= 120
    facebook.run(facebook.mover.work())
    assert behind() == 0
