"""This file is where a person and a worker act on one contact at the same moment."""

import threading

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.database.acting import Worker, call, call_as, change, run_now
from tests.running import until


@pytest.fixture
def rule(world):
    """An automation whose messages wait for a person, with one that is written."""
    page = world.page(world.user())
    rule = world.rule(page, review_before_send=True)
    world.contact(page)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    return rule


def the_state(world):
    [state] = world.rows("select * from public.ai_automation_contact_states")
    return state


def press(world, rule, function, **arguments):
    return call_as(world, {"id": rule["user_id"]}, function, **arguments)


class Waiting:
    """A call on another connection that cannot go on before the first one commits."""

    def __init__(self, database, world, call):
        self.error = self.answer = None
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()
        with psycopg.connect(database.dsn(), autocommit=True, row_factory=dict_row) as eyes:
            until(lambda: self._is_blocked(eyes, world) or not self._thread.is_alive())

    def _run(self, call):
        try:
            self.answer = call()
        except psycopg.Error as error:
            self.error = error

    @staticmethod
    def _is_blocked(eyes, world):
        return eyes.execute(
            "select 1 from pg_stat_activity where %s = any(pg_blocking_pids(pid))",
            [world.connection.info.backend_pid],
        ).fetchone()

    def end(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self


def test_a_message_that_a_worker_is_taking_is_sent_as_it_was_approved(
    database, world, second, rule
):
    state = the_state(world)
    press(world, rule, "approve_message", p_state_id=state["id"], p_text="First words")

    with world.connection.transaction():
        [job] = Worker(world.connection).claim("ready_to_send")
        late = Waiting(
            database,
            world,
            lambda: press(
                second, rule, "approve_message", p_state_id=state["id"], p_text="Other words"
            ),
        )
    late.end()

    assert "no longer waiting" in str(late.error)
    assert job["message"] == the_state(world)["generated_message"] == "First words"
    [attempt] = world.rows("select message from public.ai_automation_attempts")
    assert attempt["message"] == "First words"


@pytest.mark.parametrize("function", ["reject_message", "cancel_contacts"])
def test_what_a_worker_is_taking_can_no_longer_be_taken_out(
    database, world, second, rule, function
):
    state = the_state(world)
    press(world, rule, "approve_message", p_state_id=state["id"])
    arguments = (
        {"p_state_ids": [state["id"]]}
        if function == "cancel_contacts"
        else {"p_state_id": state["id"]}
    )

    with world.connection.transaction():
        [job] = Worker(world.connection).claim("ready_to_send")
        late = Waiting(database, world, lambda: press(second, rule, function, **arguments))
    late.end()

    if function == "reject_message":
        assert "no longer waiting" in str(late.error)
    else:
        assert late.answer == {"changed": 0, "unchanged": 1}
    assert the_state(world)["current_stage"] == job["stage"] == "sending"


def test_a_worker_does_not_wait_for_a_person_and_takes_what_was_approved_afterwards(
    world, second, rule
):
    state = the_state(world)
    second.connection.execute("set lock_timeout = '1s'")

    with world.connection.transaction():
        press(world, rule, "approve_message", p_state_id=state["id"], p_text="Approved words")
        meanwhile = Worker(second.connection).claim("ready_to_send")
    [job] = Worker(second.connection).claim("ready_to_send")

    assert meanwhile == []
    assert job["message"] == "Approved words"


def test_the_words_that_were_read_are_sent_although_others_were_stored_meanwhile(
    world, second, rule
):
    read = the_state(world)
    change(second, "ai_automation_contact_states", read, generated_message="Written anew")

    press(world, rule, "approve_message", p_state_id=read["id"], p_text=read["generated_message"])
    [job] = Worker(world.connection).claim("ready_to_send")

    assert job["message"] == read["generated_message"]


def test_an_answer_and_a_retry_at_one_moment_end_in_one_message(database, world, second, rule):
    state = the_state(world)
    press(world, rule, "approve_message", p_state_id=state["id"])
    worker = Worker(world.connection)
    [job] = worker.claim("ready_to_send", lease_seconds=0)
    [settling] = worker.claim("sending")
    unknown = {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}
    worker.record([settling], "failed", **unknown)
    late = {"attempt_outcome": "sent", "facebook_message_id": "m_late"}

    with world.connection.transaction():
        worker.record([job], "sent", attempt_id=str(job["attempt_id"]), **late)
        pressed = Waiting(
            database,
            world,
            lambda: press(second, rule, "retry_contacts", p_state_ids=[state["id"]]),
        )
    pressed.end()

    assert pressed.answer == {"changed": 0, "unchanged": 1}
    assert the_state(world)["current_stage"] == "sent"


@pytest.mark.parametrize(
    ("function", "about"),
    [
        ("advance_sync", {"p_step": Jsonb({"usage_percent": 96}), "p_lease_seconds": 9}),
        ("stop_sync", {"p_outcome": Jsonb({"error_code": "x", "page_status": "restricted"})}),
    ],
)
def test_a_person_and_who_reads_the_page_wait_for_each_other_in_one_order(
    database, world, second, function, about
):
    page = world.page(world.user())
    asks = {"p_page_id": page["id"]}
    owner = {"user_id": page["user_id"]}
    press(world, owner, "request_sync", **asks)
    [lease] = call(second.connection, "claim_syncs", p_worker="w", p_limit=9, p_lease_seconds=9)
    about = {**about, **asks, "p_lease_token": lease["lease_token"]}

    with world.connection.transaction():
        press(world, owner, "set_page_paused", p_paused=True, **asks)
        read = Waiting(database, world, lambda: call(second.connection, function, **about))
        press(world, owner, "request_sync", **asks)
    read.end()

    assert read.error is None
    assert read.answer


def test_run_now_pressed_twice_at_one_moment_is_one_run(database, world, second):
    page = world.page(world.user())
    rule = world.rule(page)
    for _ in range(3):
        world.contact(page)

    with world.connection.transaction():
        first = run_now(world, rule)
        pressed_again = Waiting(database, world, lambda: run_now(second, rule))
    again = pressed_again.end()

    assert again.error is None
    assert (first["queued"], again.answer["queued"], again.answer["run_id"]) == (3, 0, None)
    [runs] = world.rows(
        "select count(*) as runs, sum(total) as total from public.ai_automation_runs"
    )
    assert (runs["runs"], runs["total"]) == (1, 3)
