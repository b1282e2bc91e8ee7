"""This file is where replies are heard only after another follow-up went out: they end the rest."""

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, run_now


@pytest.fixture
def page(world):
    return world.page(world.user())


@pytest.fixture
def rule(world, page):
    world.contact(page, sender_id="77", last_inbound_at=ago(hours=3))
    return world.rule(page, max_follow_ups=3, wait_minutes=0)


@pytest.fixture
def worker(world):
    return Worker(world.connection)


def clock(world):
    return world.rows("select clock_timestamp() as at")[0]["at"]


def hear(world, page, moment):
    message = {"sender_id": "77", "direction": "in", "mid": "m_late", "text": "Yes, please"}
    told = Jsonb([{**message, "said_at": moment.isoformat()}])
    [answer] = call(world.connection, "hear_messages", p_page_id=page["id"], p_messages=told)
    return answer["hear_messages"]


def state(world):
    [row] = world.rows(
        "select id, current_stage::text as stage, reason_code, follow_up_count"
        " from public.ai_automation_contact_states"
    )
    return row


def hand_over(world, rule, worker):
    """The next follow-up is queued, written and claimed, and its call is under way."""
    world.rows("update public.ai_automation_contact_states set next_check_at = now() returning id")
    run_now(world, rule)
    worker.check()
    worker.write()
    return worker.claim("ready_to_send")


def arrives(worker, jobs):
    worker.record(
        jobs, "sent", attempt_outcome="sent", facebook_message_id=f"m_{jobs[0]['attempt_id']}"
    )


@pytest.mark.parametrize("follow_up", [1, 2])
def test_a_reply_that_is_heard_after_another_follow_up_ends_the_sequence(
    world, page, rule, worker, follow_up
):
    """Said between the first message and the next, or while the very first was on its way."""
    run_now(world, rule)
    said_at = clock(world)
    arrives(worker, hand_over(world, rule, worker))
    if follow_up == 2:
        said_at = clock(world)
        arrives(worker, hand_over(world, rule, worker))

    answer = hear(world, page, said_at)

    assert answer["stored"] == 1
    found = state(world)
    assert (found["stage"], found["reason_code"]) == ("completed", "replied")
    assert found["follow_up_count"] == follow_up
    books.check_counts(world, rule)


@pytest.mark.parametrize("follow_up", [1, 2])
def test_what_was_said_before_the_call_and_is_heard_during_it_is_told_again(
    world, page, rule, worker, follow_up
):
    if follow_up == 2:
        arrives(worker, hand_over(world, rule, worker))
    said_at = clock(world)
    if follow_up == 1:
        run_now(world, rule)
        said_at = clock(world)
    jobs = hand_over(world, rule, worker)

    during = hear(world, page, said_at)
    arrives(worker, jobs)
    after = hear(world, page, said_at)

    assert during["in_hand"] == ["m_late"]
    assert (after["in_hand"], after["ended"]) == ([], 1)
    assert state(world)["reason_code"] == "replied"


def test_what_was_said_before_the_sequence_began_is_no_reply(world, page, rule, worker):
    said_at = clock(world) - timedelta(seconds=5)
    arrives(worker, hand_over(world, rule, worker))

    assert hear(world, page, said_at)["ended"] == 0
    assert state(world)["stage"] == "sent"
    hand_over(world, rule, worker)
    assert state(world)["stage"] == "sending"


def test_a_reply_to_an_earlier_one_that_a_claim_learns_of_stops_the_next(world, page, rule, worker):
    """Whoever wrote it down did not end the sequence: the check does."""
    arrives(worker, hand_over(world, rule, worker))
    said_at = clock(world)
    jobs = hand_over(world, rule, worker)
    world.connection.execute("update public.contacts set last_inbound_at = %s", (said_at,))
    arrives(worker, jobs)

    assert state(world)["stage"] == "sent"
    assert hand_over(world, rule, worker) == []
    assert state(world)["reason_code"] == "replied"


def test_who_is_retried_before_anything_was_sent_begins_anew(world, page, rule, worker):
    """What was said before a person's retry is known to the person."""
    jobs = hand_over(world, rule, worker)
    said_at = clock(world)
    worker.record(jobs, "failed", error_code="contact_unavailable", attempt_outcome="failed")
    hear(world, page, said_at)
    call_as(world, {"id": page["user_id"]}, "retry_contacts", p_state_ids=[state(world)["id"]])
    worker.check()
    worker.write()
    arrives(worker, worker.claim("ready_to_send"))

    assert state(world)["stage"] == "sent"
    hand_over(world, rule, worker)
    assert state(world)["stage"] == "sending"
