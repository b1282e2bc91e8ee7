"""This file is where sends that nobody is sure of are looked up, at the rate Facebook gives."""

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import Worker, call, run_now

UNKNOWN = {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}
DUE = (
    "update public.ai_automation_contact_states set lease_expires_at = now() - interval '1 second'"
    " where current_stage = 'sending' returning id"
)
PLACE_COMES = "update public.facebook_page_syncs set next_call_at = clock_timestamp() returning 1"
LEFT = (
    "select count(*) as n from public.ai_automation_contact_states"
    " where current_stage = 'sending' and lease_token is null"
)


def unclear(world, page, people):
    """So many messages of a page of which nobody knows whether they went out; all are due."""
    world.insert("public.facebook_page_syncs", page_id=page["id"], user_id=page["user_id"])
    for _ in range(people):
        world.contact(page, last_inbound_at=ago(hours=2))
    rule = world.rule(page, daily_limit=1000)
    run_now(world, rule)
    worker = Worker(world.connection, "sender")
    worker.check()
    worker.write()
    worker.record(worker.claim("ready_to_send"), "sending", after_seconds=0, **UNKNOWN)
    world.rows(DUE)
    return rule


@pytest.fixture
def page(world):
    return world.page(world.user(), sends_per_minute=2400)


def place_after(world, act):
    """By how many seconds at least the page's next place comes after what is done."""
    [before] = world.rows("select clock_timestamp() as at")
    act()
    [after] = world.rows("select next_call_at as at from public.facebook_page_syncs")
    return (after["at"] - before["at"]).total_seconds()


def test_a_burst_of_unclear_sends_takes_the_pages_calls_one_after_the_other(world, page):
    unclear(world, page, 30)
    workers = [Worker(world.connection, f"worker-{n}") for n in (1, 2)]

    taken = []
    while world.rows(LEFT)[0]["n"] > 0:
        world.rows(PLACE_COMES)
        ahead = place_after(world, lambda: taken.append(workers[0].claim("sending", limit=4)))
        assert ahead >= 0.5
        workers.reverse()

    assert [len(jobs) for jobs in taken] == [1] * 30
    assert len({job["state_id"] for jobs in taken for job in jobs}) == 30


def test_while_a_page_waits_for_its_place_others_are_looked_for(world, page):
    unclear(world, page, 3)
    other = world.page(world.user(), sends_per_minute=2400)
    unclear(world, other, 3)
    worker = Worker(world.connection)
    world.rows(
        "update public.facebook_page_syncs set next_call_at = now() + interval '1 minute'"
        " where page_id = %s returning 1",
        page["id"],
    )

    jobs = worker.claim("sending", limit=4)

    assert {job["facebook_page_id"] for job in jobs} == {other["facebook_page_id"]}


def test_near_facebooks_limits_looks_are_fewer(world, page):
    unclear(world, page, 3)
    world.rows(
        "update public.facebook_pages set usage_percent = 94, usage_at = now() where id = %s"
        " returning 1",
        page["id"],
    )

    worker = Worker(world.connection)

    assert place_after(world, lambda: worker.claim("sending", limit=4)) >= 5


def test_a_reader_of_the_whole_page_and_looks_take_turns(world, page):
    unclear(world, page, 9)
    worker = Worker(world.connection)
    # A reader always has its own next place ahead of it.
    ahead = PLACE_COMES.replace("clock_timestamp()", "clock_timestamp() + %s::interval")

    world.rows(ahead, "0.4 seconds")
    near = worker.claim("sending", limit=4)
    world.rows(ahead, "1 minute")
    far = worker.claim("sending", limit=4)

    assert (len(near), far) == (1, [])


def test_an_echo_between_two_looks_ends_the_looking(world, page):
    unclear(world, page, 1)
    world.rows("update public.facebook_pages set proven_at = now() - interval '1 hour' returning 1")
    worker = Worker(world.connection)
    [job] = worker.claim("sending")
    worker.record([job], "sending", after_seconds=15, **UNKNOWN)
    echo = {
        "event_key": "m_1",
        "facebook_page_id": page["facebook_page_id"],
        "kind": "echo",
        "sender_id": job["sender_id"],
        "said_at": ago().isoformat(),
        "told": {"mid": "m_1", "text": "Hi", "metadata": f"stagelight:{job['attempt_id']}"},
    }
    call(world.connection, "store_events", p_events=Jsonb([echo]))
    call(world.connection, "work_on_events")
    world.rows(DUE)

    again = worker.claim("sending")

    [state] = world.rows(
        "select current_stage::text as stage, follow_up_count as sent"
        " from public.ai_automation_contact_states"
    )
    assert again == []
    assert state == {"stage": "sent", "sent": 1}
