"""This file is where Facebook's answer comes after others have decided about the contact."""

import itertools
import uuid

import pytest

from tests.builders import ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, outcome, run_now

LATE = {"attempt_outcome": "sent", "facebook_message_id": "m_late"}
UNKNOWN = {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}


@pytest.fixture
def rule(world):
    """An automation with one contact and two follow-ups."""
    page = world.page(world.user())
    world.contact(page, last_inbound_at=ago(hours=2))
    return world.rule(page, max_follow_ups=2)


@pytest.fixture
def slow(world, rule):
    """A worker, and the job that it held for too long."""
    worker = Worker(world.connection, "slow")
    run_now(world, rule)
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send", lease_seconds=0)
    return worker, job


def told(job, to, **said):
    return outcome(job, to, attempt_id=str(job["attempt_id"]), **said)


def settle(world, to="failed", **said):
    """Another worker looks into the thread, and finds nothing."""
    other = Worker(world.connection, "other")
    [job] = other.claim("sending")
    [answer] = other.tell([told(job, to, **{**UNKNOWN, **said})])
    assert answer["recorded"]
    return job


def states(world, rule):
    return world.rows(books.STATES, rule["id"])


def check_books(world, rule):
    found = states(world, rule)
    books.check_counts(world, rule)
    for check in (books.check_flow, books.check_runs, books.check_histories, books.check_attempts):
        check(world, rule, found)


def test_a_message_that_was_accepted_after_all_is_sent_and_the_next_follow_up_comes(
    world, rule, slow
):
    worker, job = slow
    settle(world)

    [answer] = worker.tell([told(job, "sent", **LATE)])

    [state] = states(world, rule)
    assert (answer["recorded"], answer["problem"]) == (True, None)
    assert (state["current_stage"], state["follow_up_count"]) == ("sent", 1)
    assert state["error_code"] is None
    assert state["last_sent_at"] == state["attempt_started_at"]
    assert world.rows("select facebook_message_id from public.contact_messages") == [
        {"facebook_message_id": "m_late"}
    ]
    check_books(world, rule)
    world.rows("update public.ai_automation_rules set next_run_at = now() returning id")
    world.rows("update public.ai_automation_contact_states set next_check_at = now() returning id")
    [plan] = call(world.connection, "enqueue_due_contacts")
    worker.check()
    worker.write()
    worker.send()
    [state] = states(world, rule)
    assert plan["enqueue_due_contacts"]["queued"] == 1
    assert (state["current_stage"], state["follow_up_count"]) == ("sent", 2)
    check_books(world, rule)


@pytest.mark.parametrize("is_held", [True, False])
def test_a_message_that_was_accepted_is_sent_also_while_another_looks_for_it(
    world, rule, slow, is_held
):
    worker, job = slow
    other = Worker(world.connection, "other")
    [settling] = other.claim("sending")
    if not is_held:
        other.tell([told(settling, "sending", **UNKNOWN, after_seconds=60)])

    [answer] = worker.tell([told(job, "sent", **LATE)])
    [afterwards] = other.tell([told(settling, "failed", **UNKNOWN)])

    assert answer["recorded"]
    assert afterwards["problem"] == "not_held"
    assert [state["current_stage"] for state in states(world, rule)] == ["sent"]
    check_books(world, rule)


def test_what_is_known_to_be_out_is_not_sent_again_although_a_person_said_so(world, rule, slow):
    worker, job = slow
    settle(world)
    owner = {"id": rule["user_id"]}
    call_as(world, owner, "retry_contacts", p_state_ids=[job["state_id"]])

    [answer] = worker.tell([told(job, "sent", **LATE)])
    [state] = states(world, rule)
    [attempt] = world.rows("select outcome, facebook_message_id from public.ai_automation_attempts")
    assert answer["problem"] == "not_held"
    # It waits for its next follow-up now, not for the one that is out.
    assert (state["current_stage"], state["follow_up_count"]) == ("queued", 1)
    assert attempt == {"outcome": "sent", "facebook_message_id": "m_late"}
    check_books(world, rule)


def test_a_late_answer_about_an_earlier_try_says_nothing_of_the_present_one(world, rule, slow):
    worker, job = slow
    settle(world)
    call_as(world, {"id": rule["user_id"]}, "retry_contacts", p_state_ids=[job["state_id"]])
    worker.check()
    worker.write()
    worker.claim("ready_to_send", lease_seconds=0)
    settle(world)

    [answer] = worker.tell([told(job, "sent", **LATE)])

    assert answer["problem"] == "not_held"
    assert [state["current_stage"] for state in states(world, rule)] == ["failed"]


@pytest.mark.parametrize("claims", ["sent", "ready_to_send", "failed"])
def test_a_late_answer_that_is_no_message_id_moves_nobody(world, rule, slow, claims):
    worker, job = slow
    settle(world)
    said = told(job, claims, **UNKNOWN)
    if claims == "sent":
        said = {**told(job, claims, **LATE), "from_stage": "generating"}

    [answer] = worker.tell([said])

    assert answer["problem"] == "not_held"
    assert [state["current_stage"] for state in states(world, rule)] == ["failed"]


@pytest.mark.parametrize(
    ("first", "is_settled"), [(0, True), (1, True), (2, True), (0, False), (2, False)]
)
def test_of_several_results_in_one_call_the_one_that_knows_of_the_message_counts(
    world, rule, slow, first, is_settled
):
    worker, job = slow
    settling = settle(world, to="sending", after_seconds=0) if is_settled else job
    holder = Worker(world.connection, "other").claim("sending")[0] if is_settled else settling
    results = [
        told(holder, "failed", **UNKNOWN),
        told(job, "sent", **LATE),
        told(holder, "sending", **UNKNOWN, after_seconds=60),
    ]
    rotated = list(itertools.islice(itertools.cycle(results), first, first + 3))

    answers = worker.tell(rotated)

    assert sorted(answer["recorded"] for answer in answers) == [False, False, True]
    [state] = states(world, rule)
    assert (state["current_stage"], state["follow_up_count"]) == ("sent", 1)
    check_books(world, rule)


@pytest.mark.parametrize("stage", ["queued", "eligible", "ready_to_send"])
def test_a_follow_up_that_may_be_out_is_neither_checked_nor_written_nor_sent_again(
    world, rule, stage
):
    worker = Worker(world.connection)
    run_now(world, rule)
    if stage != "queued":
        worker.check()
    if stage == "ready_to_send":
        worker.write()
    [state] = states(world, rule)
    world.insert(
        "public.ai_automation_follow_ups",
        user_id=rule["user_id"],
        state_id=state["id"],
        follow_up=1,
        attempt_id=uuid.uuid4(),
    )

    taken = worker.claim(stage)
    if stage == "queued":
        taken = [row for row in worker.decide(taken) if row["stage"] == "eligible"]

    [state] = states(world, rule)
    assert taken == []
    assert (state["current_stage"], state["reason_code"]) == ("skipped", "already_sent")


def connected_by_somebody_else(world, rule):
    """Another owner's automation for the same page and person."""
    [known] = world.rows(
        "select p.facebook_page_id, c.sender_id, c.last_inbound_at from public.contacts as c"
        " inner join public.facebook_pages as p on p.id = c.page_id where p.id = %s",
        rule["page_id"],
    )
    twin = world.page(world.user(), facebook_page_id=known.pop("facebook_page_id"))
    world.contact(twin, **known)
    return world.rule(twin)


def test_one_message_in_the_thread_answers_for_one_of_two_tries(world, rule, slow):
    worker, _ = slow
    run_now(world, connected_by_somebody_else(world, rule))
    worker.check()
    worker.write()
    worker.claim("ready_to_send", lease_seconds=0)
    jobs = worker.claim("sending", lease_seconds=0)
    found = {"attempt_outcome": "sent", "facebook_message_id": "m_one", "from_thread": True}
    tries = (
        "select s.current_stage::text, a.facebook_message_id, a.outcome"
        " from public.ai_automation_contact_states as s"
        " inner join public.ai_automation_attempts as a on a.id = s.attempt_id order by 1"
    )

    worker.tell([told(job, "sent", **found) for job in jobs])
    once = [tuple(row.values()) for row in world.rows(tries)]
    world.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now()"
        " where current_stage = 'sending' returning id"
    )
    [again] = worker.claim("sending")
    [answer] = worker.tell([told(again, "sent", **found)])

    assert once == [("sending", None, "unknown"), ("sent", "m_one", "sent")]
    assert [said["id"] for said in again["history"]] == ["m_one"]
    assert answer["recorded"]
    assert [tuple(row.values()) for row in world.rows(tries)] == once
    check_books(world, rule)
