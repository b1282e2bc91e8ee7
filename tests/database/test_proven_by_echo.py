"""This file is where Facebook's echo shows that a message arrived that Facebook had refused."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, change, run_now

LATER = {"error_code": "rate_limited", "attempt_outcome": "retry"}
REFUSED = {"error_code": "contact_unavailable", "attempt_outcome": "failed"}
NOT_NOW = {"error_code": "window_closed", "attempt_outcome": "failed"}
ANSWERS = [("ready_to_send", LATER), ("failed", REFUSED), ("skipped", NOT_NOW)]
UNKNOWN = {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}
STATE = "select * from public.ai_automation_contact_states"
TRIES = (
    "select outcome, facebook_message_id as mid, error_code"
    " from public.ai_automation_attempts order by started_at"
)


@pytest.fixture
def scene(world):
    """A worker that has handed one message to Facebook and waits for the answer."""
    page = world.page(world.user(), proven_at=ago(hours=1))
    world.contact(page, last_inbound_at=ago(hours=2))
    rule = world.rule(page, max_follow_ups=2, daily_limit=5)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send")
    return SimpleNamespace(world=world, page=page, rule=rule, worker=worker, job=job)


def store(scene, job, mid="m_1"):
    """Facebook posts the echo of the job's try; nobody works on it yet."""
    echo = {
        "event_key": mid,
        "facebook_page_id": scene.page["facebook_page_id"],
        "kind": "echo",
        "sender_id": job["sender_id"],
        "said_at": ago().isoformat(),
        "told": {"mid": mid, "text": "Hi", "metadata": f"stagelight:{job['attempt_id']}"},
    }
    call(scene.world.connection, "store_events", p_events=Jsonb([echo]))


def work(scene):
    """The receiver works on everything that waits; how much it puts off."""
    scene.world.rows(
        "update public.facebook_events set due_at = now() where done_at is null returning id"
    )
    [answer] = call(scene.world.connection, "work_on_events")
    assert answer["work_on_events"]["failed"] == 0
    return answer["work_on_events"]["put_off"]


def hear(scene, job, mid="m_1"):
    store(scene, job, mid)
    return work(scene)


def answer(scene, job, to, said, **more):
    attempt = {"attempt_id": str(job["attempt_id"])}
    [result] = scene.worker.record([job], to, **said, **attempt, **more)
    assert result["recorded"]


def claim_again(scene):
    scene.world.rows(
        "update public.ai_automation_contact_states set due_at = now(), next_send_at = now()"
        " returning id"
    )
    return scene.worker.claim("ready_to_send")


def check_sent_once(scene, *tries):
    """The follow-up counts once, nothing waits to be sent, and every book agrees."""
    [state] = scene.world.rows(STATE)
    assert (state["current_stage"], state["follow_up_count"]) == ("sent", 1)
    assert (state["error_code"], state["reason_code"]) == (None, None)
    assert state["next_send_at"] is None
    assert state["quota_day"] is not None
    assert state["next_check_at"] - state["last_sent_at"] == timedelta(
        minutes=scene.rule["wait_minutes"] or scene.rule["run_every_minutes"]
    )
    found = [tuple(row.values()) for row in scene.world.rows(TRIES)]
    assert found == list(tries or [("sent", "m_1", None)])
    work(scene)
    assert claim_again(scene) == []
    assert [row["facebook_message_id"] for row in scene.world.rows(SAID)] == sorted(
        mid for _, mid, _ in found if mid
    )
    check_books(scene)


SAID = "select facebook_message_id from public.contact_messages order by 1"
USAGE = (
    "select sum(sent)::int as sent, sum(reserved)::int as places"
    " from public.ai_automation_daily_usage"
)


def check_books(scene):
    found = scene.world.rows(books.STATES, scene.rule["id"])
    books.check_counts(scene.world, scene.rule)
    for check in (books.check_flow, books.check_runs, books.check_histories, books.check_attempts):
        check(scene.world, scene.rule, found)
    [run] = scene.world.rows("select sent, skipped, failed from public.ai_automation_runs")
    assert tuple(run.values()) == (1, 0, 0)
    [day] = scene.world.rows(USAGE)
    assert (day["sent"], day["places"]) == (1, 1)


@pytest.mark.parametrize(("to", "said"), ANSWERS)
@pytest.mark.parametrize("is_worked_on", [True, False])
def test_an_echo_that_is_here_before_the_answer_is_believed_more_than_it(
    scene, to, said, is_worked_on
):
    store(scene, scene.job)
    if is_worked_on:
        assert work(scene) == 1, "its worker still waits for the answer"

    answer(scene, scene.job, to, said, pause_page_seconds=60)

    assert scene.world.rows(STATE)[0]["current_stage"] == "sent"
    [page] = scene.world.rows("select paused_until > now() as waits from public.facebook_pages")
    assert page["waits"], "what it says of the page is true all the same"
    check_sent_once(scene)


@pytest.mark.parametrize(("to", "said"), ANSWERS)
def test_an_echo_after_the_answer_takes_the_refusal_back(scene, to, said):
    answer(scene, scene.job, to, said)

    assert hear(scene, scene.job) == 0

    check_sent_once(scene)


def test_an_echo_that_nobody_has_worked_on_is_seen_by_the_claim(scene):
    answer(scene, scene.job, "ready_to_send", LATER)
    store(scene, scene.job)

    assert claim_again(scene) == []

    assert scene.world.rows(STATE)[0]["current_stage"] == "sent"
    work(scene)
    check_sent_once(scene)


def test_the_claim_still_hands_out_those_beside_it(scene):
    answer(scene, scene.job, "ready_to_send", LATER)
    store(scene, scene.job)
    other = scene.world.contact(scene.page, last_inbound_at=ago(hours=2))
    change(scene.world, "facebook_pages", scene.page, sends_per_minute=600)
    run_now(scene.world, scene.rule)
    scene.worker.check()
    scene.worker.write()

    assert [job["sender_id"] for job in claim_again(scene)] == [other["sender_id"]]


@pytest.mark.parametrize("stage", ["queued", "eligible"])
def test_who_is_to_be_written_to_anew_by_a_persons_wish_has_had_the_message(scene, stage):
    answer(scene, scene.job, "failed", REFUSED)
    owner = {"id": scene.rule["user_id"]}
    call_as(scene.world, owner, "retry_contacts", p_state_ids=[scene.job["state_id"]])
    if stage == "eligible":
        scene.worker.check()

    hear(scene, scene.job)

    check_sent_once(scene)


def test_who_is_being_written_to_anew_is_left_to_the_writer_and_then_not_sent_to(scene):
    answer(scene, scene.job, "failed", REFUSED)
    owner = {"id": scene.rule["user_id"]}
    call_as(scene.world, owner, "retry_contacts", p_state_ids=[scene.job["state_id"]])
    scene.worker.check()
    [writing] = scene.worker.claim("eligible")

    assert hear(scene, scene.job) == 1
    scene.worker.record([writing], "ready_to_send", generated_message="Another one", tokens_in=7)

    assert claim_again(scene) == []
    assert scene.world.rows(STATE)[0]["tokens_in"] == 7
    check_sent_once(scene)


def test_a_sequence_that_has_ended_stays_ended_and_counts_the_message(scene):
    answer(scene, scene.job, "skipped", {**NOT_NOW, "reason_code": "opted_out"})
    call(scene.world.connection, "complete_finished_sequences")

    hear(scene, scene.job)

    [state] = scene.world.rows(STATE)
    assert (state["current_stage"], state["follow_up_count"]) == ("completed", 1)
    assert [tuple(row.values()) for row in scene.world.rows(TRIES)] == [("sent", "m_1", None)]


@pytest.mark.parametrize(
    ("to", "said", "outcome"),
    [
        ("sent", {"attempt_outcome": "sent", "facebook_message_id": "m_2"}, "sent"),
        ("ready_to_send", LATER, "retry"),
        ("failed", REFUSED, "failed"),
    ],
)
def test_while_the_next_try_is_under_way_the_echo_of_the_first_waits_for_its_answer(
    scene, to, said, outcome
):
    answer(scene, scene.job, "ready_to_send", LATER)
    [again] = claim_again(scene)

    assert hear(scene, scene.job) == 1
    assert scene.world.rows(STATE)[0]["current_stage"] == "sending"
    answer(scene, again, to, said)
    if to == "ready_to_send":
        assert claim_again(scene) == [], "not a third time"
    assert work(scene) == 0

    # Both are told as they were; the follow-up counts once.
    second = (outcome, "m_2" if to == "sent" else None, said.get("error_code"))
    first = "retry" if to == "sent" else "sent"
    check_sent_once(scene, (first, "m_1", "rate_limited" if to == "sent" else None), second)


def test_a_later_try_of_which_nobody_knows_is_looked_up_before_the_first_one_counts(scene):
    answer(scene, scene.job, "ready_to_send", LATER)
    [again] = claim_again(scene)
    answer(scene, again, "sending", UNKNOWN)

    assert hear(scene, scene.job) == 1
    scene.world.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now() returning id"
    )
    [look] = scene.worker.claim("sending")
    assert [said["id"] for said in look["history"]] == ["m_1"], "that is another one's"
    answer(scene, look, "failed", UNKNOWN)
    work(scene)

    [state] = scene.world.rows(STATE)
    assert (state["current_stage"], state["follow_up_count"]) == ("sent", 1)
    check_books(scene)


def test_two_refused_tries_that_arrived_count_once(scene):
    answer(scene, scene.job, "ready_to_send", LATER)
    [again] = claim_again(scene)
    answer(scene, again, "ready_to_send", LATER)

    store(scene, again, "m_2")
    hear(scene, scene.job)

    check_sent_once(scene, ("sent", "m_1", None), ("retry", "m_2", "rate_limited"))


def test_an_echo_of_another_person_or_page_proves_nothing(scene):
    answer(scene, scene.job, "ready_to_send", LATER)
    other = scene.world.page(scene.world.user(), proven_at=ago(hours=1))
    scene.world.contact(other, sender_id=scene.job["sender_id"])

    hear(scene, {**scene.job, "sender_id": "somebody else"})
    page, scene.page = scene.page, other
    hear(scene, scene.job, "m_2")
    scene.page = page

    assert scene.world.rows(STATE)[0]["current_stage"] == "ready_to_send"
    assert len(claim_again(scene)) == 1
