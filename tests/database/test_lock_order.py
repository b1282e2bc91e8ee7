"""This file is where nobody waits in a circle: events, then states, then contacts."""

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import call, call_as, run_now
from tests.database.test_side_by_side import Waiting

STATES = "select id from public.ai_automation_contact_states order by id for update"
CONTACTS = "select id from public.contacts order by id for update nowait"
EVENTS = "select id from public.facebook_events for update"


@pytest.fixture
def contacts(world):
    """Two contacts, each on its way in an automation."""
    page = world.page(world.user())
    found = [world.contact(page, sender_id=f"7{number}") for number in range(2)]
    run_now(world, world.rule(page, stop_on_reply=False))
    return found


def change(second, contacts, action):
    owner = {"id": contacts[0]["user_id"]}
    ids = [contact["id"] for contact in contacts]
    return call_as(second, owner, "change_contacts", p_contact_ids=ids, p_action=action)


def bring(second, contacts):
    now = ago(seconds=0).isoformat()
    rows = [{"sender_id": contact["sender_id"], "last_message_at": now} for contact in contacts]
    owner, page = {"id": contacts[0]["user_id"]}, contacts[0]["page_id"]
    told = {"p_page_id": page, "p_contacts": Jsonb(rows)}
    return call_as(second, owner, "import_contacts", **told)


def forget(second, contacts):
    ids = [contact["id"] for contact in contacts][::-1]
    second.insert("public.contact_deletions", code="c", contact_ids=ids, resolved_at=ago())
    return call(second.connection, "finish_deletions")


@pytest.mark.parametrize(
    "act",
    [
        lambda second, contacts: change(second, contacts, "opt_out"),
        lambda second, contacts: change(second, contacts, "delete"),
        bring,
        forget,
    ],
    ids=["opt_out", "delete", "import", "forget"],
)
def test_whoever_waits_for_a_state_holds_no_contact(world, second, database, contacts, act):
    with world.connection.transaction():
        world.rows(STATES)
        waiting = Waiting(database, world, lambda: act(second, contacts))
        assert len(world.rows(CONTACTS)) == 2, "as a worker that writes an outcome down needs them"
    waiting.end()

    assert waiting.error is None


def test_who_deletes_a_contact_and_waits_for_an_event_holds_no_state(
    world, second, database, contacts
):
    [page] = world.rows("select facebook_page_id from public.facebook_pages")
    told = {"facebook_page_id": page["facebook_page_id"], "kind": "message", "said_at": ago()}
    for number, contact in enumerate(contacts):
        world.insert(
            "public.facebook_events",
            event_key=f"m_{number}",
            sender_id=contact["sender_id"],
            **told,
        )
    with world.connection.transaction():
        world.rows(EVENTS)
        waiting = Waiting(database, world, lambda: change(second, contacts, "delete"))
        assert len(world.rows(f"{STATES} nowait")) == 2
    waiting.end()

    assert waiting.error is None
    assert world.rows(EVENTS) == []


def test_who_is_deleted_while_a_file_or_a_reading_brings_them_stays_out(world, second, database):
    owner = world.user()
    page = world.page(owner)
    rows = Jsonb([{"sender_id": "77"}])
    whose = {"p_page_id": page["id"]}
    for bring_in, answer in (
        (lambda: call_as(second, owner, "import_contacts", **whose, p_contacts=rows), None),
        (lambda: call(second.connection, "hear_contacts", **whose, p_people=rows), 0),
    ):
        world.rows("delete from public.contact_tombstones returning 1")
        contact = world.contact(page, sender_id="77")
        with world.connection.transaction():
            call(world.connection, "forget_contact", p_contact_id=contact["id"])
            waiting = Waiting(database, world, bring_in)
        waiting.end()

        assert waiting.error is None
        assert world.rows("select id from public.contacts") == []
        if answer is None:
            assert (waiting.answer["imported"], waiting.answer["updated"]) == (0, 0)


def test_who_comes_in_while_it_is_found_out_who_they_are_is_found(world, second, database):
    page = world.page(world.user())
    call(world.connection, "ask_deletion", p_code="c", p_asked_for="1077")
    people = [{"facebook_page_id": page["facebook_page_id"], "sender_id": "77"}]
    told = {"p_code": "c", "p_people": Jsonb(people), "p_complete": True}
    with world.connection.transaction():
        rows = Jsonb([{"sender_id": "77"}])
        call(world.connection, "hear_contacts", p_page_id=page["id"], p_people=rows)
        waiting = Waiting(
            database, world, lambda: call(second.connection, "resolve_deletion", **told)
        )
    waiting.end()
    call(world.connection, "finish_deletions")

    assert waiting.error is None
    assert world.rows("select id from public.contacts") == []
