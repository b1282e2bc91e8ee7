"""This file is where who has just written is not written to before it was heard."""

from types import SimpleNamespace

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now


@pytest.fixture
def scene(world):
    """Two contacts to whom a message is ready, on a page that sends one a second."""
    page = world.page(world.user(), sends_per_minute=60)
    people = [world.contact(page, last_inbound_at=ago(hours=2)) for _ in range(2)]
    run_now(world, world.rule(page, stop_on_reply=False))
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    return SimpleNamespace(world=world, page=page, people=people, worker=worker)


def store(scene, person, text="Hello", kind="message"):
    """Facebook's word of it is here, and nobody has worked on it."""
    event = {
        "event_key": f"{kind} {text}",
        "facebook_page_id": scene.page["facebook_page_id"],
        "kind": kind,
        "sender_id": person["sender_id"],
        "said_at": ago().isoformat(),
        "told": {"mid": f"m_{text}", "text": text},
    }
    call(scene.world.connection, "store_events", p_events=Jsonb([event]))


def work(scene):
    """The receiver works on what waits."""
    due = "update public.facebook_events set due_at = now() where done_at is null returning 1"
    scene.world.rows(due)
    call(scene.world.connection, "work_on_events")


def claim(scene):
    """As if a second had passed: who is handed out; it goes back as it was."""
    scene.world.rows("update public.ai_automation_contact_states set due_at = now() returning 1")
    return claim_at_once(scene)


def claim_at_once(scene):
    with scene.world.connection.transaction(force_rollback=True):
        return {job["sender_id"] for job in scene.worker.claim("ready_to_send", limit=1)}


def test_a_stop_that_is_stored_holds_the_message_before_it_is_worked_on(scene):
    said, other = scene.people
    store(scene, said, "STOP")

    scene.worker.send()
    scene.world.rows(
        "update public.ai_automation_attempts set started_at = started_at - interval '2 s',"
        " finished_at = finished_at - interval '2 s' returning 1"
    )
    scene.worker.send()

    tried = scene.world.rows("select contact_id from public.ai_automation_attempts")
    assert tried == [{"contact_id": other["id"]}], "the one beside waits for nobody"
    work(scene)
    found = "select current_stage, reason_code from public.ai_automation_contact_states"
    [ended] = scene.world.rows(f"{found} where contact_id = %s", said["id"])
    assert tuple(ended.values()) == ("completed", "opted_out")


@pytest.mark.parametrize("kind", ["message", "action"])
def test_who_is_heard_is_sent_to_where_a_reply_ends_nothing(scene, kind):
    for person in scene.people:
        store(scene, person, person["sender_id"], kind)
    assert claim(scene) == set()

    work(scene)

    assert len(claim(scene)) == 1


@pytest.mark.parametrize("kind", ["read", "echo"])
def test_what_is_no_word_of_theirs_holds_nothing(scene, kind):
    for person in scene.people:
        store(scene, person, person["sender_id"], kind)

    assert len(claim_at_once(scene)) == 1


def test_what_waits_for_another_owners_row_holds_neither(scene):
    twin = scene.world.page(
        scene.world.user(), facebook_page_id=scene.page["facebook_page_id"], proven_at=None
    )
    said = scene.people[0]
    copied = scene.world.contact(twin, sender_id=said["sender_id"], last_inbound_at=ago(hours=2))
    run_now(scene.world, scene.world.rule(twin, stop_on_reply=False))
    scene.worker.check()
    scene.worker.write()
    change(scene.world, "contacts", scene.people[1], opted_out_at=ago())
    store(scene, said)
    assert claim(scene) == set()

    work(scene)

    waiting = "select problem from public.facebook_events where done_at is null"
    assert scene.world.rows(waiting) == [{"problem": "unproven_page"}]
    scene.world.rows("update public.ai_automation_contact_states set due_at = now() returning 1")
    handed = scene.worker.claim("ready_to_send") + scene.worker.claim("ready_to_send")
    states = "select contact_id from public.ai_automation_contact_states where id = any(%s)"
    found = scene.world.rows(states, [job["state_id"] for job in handed])
    assert {row["contact_id"] for row in found} == {said["id"], copied["id"]}


@pytest.mark.parametrize("is_stored", [True, False])
@pytest.mark.parametrize("is_back", [True, False])
def test_a_stop_outlives_the_deletion_before_which_it_was_said(scene, is_stored, is_back):
    said = scene.people[0]
    at = ago(seconds=5)
    if is_stored:
        store(scene, said, "STOP")
    owner = {"id": scene.page["user_id"]}
    assert call_as(scene.world, owner, "delete_contact", p_contact_id=said["id"])["deleted"]
    if is_back:
        hear(scene, said, "Hello again")

    if not is_stored:
        hear(scene, said, "STOP", at)
    if not is_back:
        hear(scene, said, "Hello again")

    kept = "select opted_out_by from public.contacts where sender_id = %s"
    assert scene.world.rows(kept, said["sender_id"]) == [{"opted_out_by": "contact"}]
    known = scene.world.rows("select body from public.contact_messages")
    assert known == [{"body": "Hello again"}], "what was said before stays unknown"
    hear(scene, said, "START")
    assert scene.world.rows(kept, said["sender_id"]) == [{"opted_out_by": None}]


def hear(scene, person, text, at=None):
    told = {"sender_id": person["sender_id"], "direction": "in", "mid": f"m_{text}", "text": text}
    said = Jsonb([{**told, "said_at": (at or ago()).isoformat()}])
    call(scene.world.connection, "hear_messages", p_page_id=scene.page["id"], p_messages=said)
