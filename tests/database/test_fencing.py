"""This file is where moves outside the graph and writes without a lease change nothing."""

import uuid

import psycopg
import pytest
from psycopg.rows import dict_row

from pipeline.stages import MOVES, Stage
from tests.builders import ago
from tests.database.acting import Worker, call, change, run_now

ILLEGAL = [(start, end) for start in Stage for end in Stage if end not in MOVES[start] | {start}]


@pytest.fixture
def worker(world):
    """A worker in front of five queued contacts."""
    page = world.page(world.user())
    rule = world.rule(page)
    for _ in range(5):
        world.contact(page)
    run_now(world, rule)
    return Worker(world.connection)


def history(world):
    return world.rows(
        "select s.*, a.outcome, (select count(*) from public.ai_automation_stage_events) as events"
        " from public.ai_automation_contact_states as s"
        " left join public.ai_automation_attempts as a on a.state_id = s.id order by s.id"
    )


def test_every_move_outside_the_graph_is_refused_whoever_tries_it(shared_world):
    page = shared_world.page(shared_world.user())
    rule = shared_world.rule(page)
    for start, end in ILLEGAL:
        state = shared_world.insert(
            "public.ai_automation_contact_states",
            user_id=page["user_id"],
            rule_id=rule["id"],
            contact_id=shared_world.contact(page)["id"],
            current_stage=start,
            generated_message="Hello",
        )

        with pytest.raises(psycopg.errors.CheckViolation, match=f"from {start} to {end}"):
            change(shared_world, "ai_automation_contact_states", state, current_stage=end)


def test_one_illegal_move_among_many_undoes_them_all(world, worker):
    jobs = worker.claim("queued", limit=1)

    with pytest.raises(psycopg.errors.CheckViolation):
        world.rows(
            "update public.ai_automation_contact_states"
            " set current_stage = 'checking', lease_token = gen_random_uuid()"
            " where current_stage = 'queued' or id = %s returning id",
            change_to_eligible(worker, jobs),
        )

    assert {row["current_stage"] for row in history(world)} == {"queued", "eligible"}


def change_to_eligible(worker, jobs):
    worker.decide(jobs)
    return jobs[0]["state_id"]


@pytest.mark.parametrize("command", ["update {} set actor = ''", "delete from {}", "truncate {}"])
def test_history_cannot_be_changed_even_with_the_secret_key(world, worker, command):
    world.connection.execute("set role service_role")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.rows(command.format("public.ai_automation_stage_events"))


@pytest.mark.parametrize("stage", ["eligible", "ready_to_send"])
@pytest.mark.parametrize("token", ["another", "none", "the one before"])
def test_a_token_that_is_not_the_present_one_changes_nothing(world, worker, stage, token):
    worker.check()
    if stage == "ready_to_send":
        worker.write()
    [job] = worker.claim(stage, limit=1)
    if token == "the one before":
        taken_over = {"lease_owner": "worker-2", "lease_token": uuid.uuid4()}
        change(world, "ai_automation_contact_states", {"id": job["state_id"]}, **taken_over)
    else:
        job["lease_token"] = uuid.uuid4() if token == "another" else None
    before = history(world)

    [answer] = worker.record([job], "failed", attempt_outcome="failed")

    assert (answer["recorded"], answer["problem"]) == (False, "not_held")
    assert history(world) == before


@pytest.mark.parametrize("waits_in", ["queued", "eligible", "ready_to_send"])
def test_a_contact_that_nobody_holds_cannot_be_written_down(world, worker, waits_in):
    if waits_in != "queued":
        worker.check()
    if waits_in == "ready_to_send":
        worker.write()
    before = history(world)
    job = {"state_id": before[0]["id"], "lease_token": None, "stage": waits_in}

    [answer] = worker.record([job], "checking" if waits_in == "queued" else "skipped")

    assert (answer["recorded"], answer["problem"]) == (False, "not_held")
    assert history(world) == before


def test_a_send_that_waits_to_be_settled_is_written_down_by_its_holder_only(world, worker):
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send", limit=1)
    worker.record([job], "sending", error_code="x", attempt_outcome="unknown", after_seconds=60)
    before = history(world)

    [late] = worker.record([job], "sent", attempt_outcome="sent")
    [unheld] = worker.record([{**job, "lease_token": None}], "sent", attempt_outcome="sent")

    assert late["problem"] == unheld["problem"] == "not_held"
    assert history(world) == before


@pytest.mark.parametrize(
    ("claimed_from", "to"),
    [("eligible", "sent"), ("eligible", "generating"), ("queued", "checking"), ("queued", "sent")],
)
def test_a_holder_too_keeps_to_the_graph(world, worker, claimed_from, to):
    if claimed_from == "eligible":
        worker.check()
    [job] = worker.claim(claimed_from, limit=1)
    before = history(world)

    [answer] = worker.record([job], to)

    assert (answer["recorded"], answer["problem"]) == (False, "not_allowed")
    assert history(world) == before


def test_a_stale_row_does_not_hold_up_the_others(world, worker):
    worker.check()
    jobs = worker.claim("eligible")
    jobs[0] = {**jobs[0], "lease_token": uuid.uuid4()}

    answers = worker.record(jobs, "ready_to_send", generated_message="Hello")

    assert sorted(answer["recorded"] for answer in answers) == [False, True, True, True, True]


def test_a_contact_written_down_twice_in_one_call_counts_once(world, worker):
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send", limit=1)

    answers = worker.record([job, job], "sent", attempt_outcome="sent")

    assert sorted(answer["recorded"] for answer in answers) == [False, True]
    assert len(world.rows("select id from public.contact_messages")) == 1


@pytest.mark.parametrize("stage", ["queued", "eligible", "ready_to_send"])
def test_a_contact_that_is_being_claimed_is_passed_over_without_waiting(
    database, world, worker, stage
):
    if stage != "queued":
        worker.check()
    if stage == "ready_to_send":
        worker.write()
    with psycopg.connect(database.dsn(), row_factory=dict_row) as another:
        another.execute("set lock_timeout = '1s'")

        with world.connection.transaction():
            taken = worker.claim(stage, limit=3)
            left = call(another, "pick_contacts", p_stage=stage, p_limit=9, p_worker="other")

    assert len(taken) == 3
    # A page hands its messages to one worker at a time, because of its rate.
    assert len(left) == (0 if stage == "ready_to_send" else 2)


def test_deciding_with_a_stale_token_changes_nothing(world, worker):
    [job] = worker.claim("queued", limit=1)
    before = history(world)

    [answer] = worker.decide([{**job, "lease_token": uuid.uuid4()}])

    assert answer["decided"] is False
    assert history(world) == before


def test_an_expired_lease_cannot_be_revived_and_is_taken_back_once(world, worker):
    worker.check()
    worker.claim("eligible", limit=2, lease_seconds=0)
    held = [row["id"] for row in history(world)]

    [beat] = call(
        world.connection,
        "beat",
        p_worker=worker.name,
        p_version="1",
        p_doing="",
        p_held=held,
        p_lease_seconds=30,
    )
    [first] = call(world.connection, "reclaim_expired_leases")
    [second] = call(world.connection, "reclaim_expired_leases")

    assert beat["beat"]["held"] == 0
    assert first["reclaim_expired_leases"] == {"reclaimed": 2}
    assert second["reclaim_expired_leases"] == {"reclaimed": 0}


@pytest.mark.parametrize(
    ("seconds", "stopped", "lost"), [(5, False, False), (13, False, True), (1, True, True)]
)
def test_what_a_worker_holds_is_shown_as_lost_when_it_misses_two_beats(
    world, worker, seconds, stopped, lost
):
    worker.claim("queued")
    world.insert(
        "public.ai_automation_workers",
        name=worker.name,
        version="1",
        doing="",
        beat_at=ago(seconds=seconds),
        stopped_at=ago(seconds=0) if stopped else None,
    )

    rows = world.rows("select lost from public.active_automation_contacts")

    assert [row["lost"] for row in rows] == [lost] * 5


def test_a_send_with_an_expired_lease_is_never_put_back(world, worker):
    worker.check()
    worker.write()
    worker.claim("ready_to_send", limit=1, lease_seconds=0)

    call(world.connection, "reclaim_expired_leases")
    [to_settle] = worker.claim("sending")

    assert to_settle["stage"] == "sending"
    assert to_settle["attempt_id"] is not None


def test_a_follow_up_that_may_be_out_is_not_tried_again(world, worker):
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send", limit=1)
    worker.record([job], "ready_to_send", error_code="x", attempt_outcome="unknown")

    again = worker.claim("ready_to_send")

    assert len(again) == 4
    [state] = [row for row in history(world) if row["id"] == job["state_id"]]
    assert (state["current_stage"], state["reason_code"]) == ("skipped", "already_sent")


def test_two_tries_of_one_follow_up_cannot_both_be_out(world, worker):
    worker.check()
    worker.write()
    worker.claim("ready_to_send", limit=1)
    [attempt] = world.rows("select * from public.ai_automation_attempts")

    with pytest.raises(psycopg.errors.UniqueViolation):
        world.insert(
            "public.ai_automation_attempts",
            **{**attempt, "id": uuid.uuid4(), "started_at": ago(seconds=1)},
        )
