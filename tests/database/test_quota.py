"""This file is where the daily limit holds, whoever decides together and however it ends."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now


@pytest.fixture
def rule(world):
    """An automation that may send three messages a day, with eight contacts in its queue."""
    page = world.page(world.user(), sends_per_minute=600)
    rule = world.rule(page, daily_limit=3)
    for number in range(8):
        world.contact(page, last_inbound_at=ago(hours=10 - number))
    run_now(world, rule)
    return rule


@pytest.fixture
def worker(world):
    return Worker(world.connection)


def reserved(world):
    rows = world.rows("select day, reserved from public.ai_automation_daily_usage order by day")
    return [row["reserved"] for row in rows]


def stages(world):
    rows = world.rows(
        "select current_stage::text as stage, count(*) as n"
        " from public.ai_automation_contact_states group by 1"
    )
    return {row["stage"]: row["n"] for row in rows}


def state_ids(world, stage):
    return [
        row["id"]
        for row in world.rows(
            "select id from public.ai_automation_contact_states"
            " where current_stage::text = %s order by id",
            stage,
        )
    ]


def test_the_limit_lets_through_as_many_as_it_says(world, rule, worker):
    worker.check()

    assert stages(world) == {"eligible": 3, "skipped": 5}
    assert reserved(world) == [3]


def test_connections_deciding_at_the_same_time_never_overshoot_the_limit(database, world):
    page = world.page(world.user())
    for limit in (5, 7, 11, 13):
        rule = world.rule(page, daily_limit=limit, include_tags=[f"limit {limit}"])
        for _ in range(40):
            world.contact(page, tags=[f"limit {limit}"])
        run_now(world, rule)

        decide_at_once(database, connections=4)

        [usage] = world.rows(
            "select reserved from public.ai_automation_daily_usage where rule_id = %s", rule["id"]
        )
        passed = world.rows(
            "select id from public.ai_automation_contact_states"
            " where rule_id = %s and current_stage = 'eligible'",
            rule["id"],
        )
        assert (len(passed), usage["reserved"]) == (limit, limit)


def decide_at_once(database, connections):
    """Everything queued is claimed first, in equal parts; then all decide together."""
    opened = [
        psycopg.connect(database.dsn(), autocommit=True, row_factory=dict_row)
        for _ in range(connections)
    ]
    workers = [Worker(connection, f"worker-{n}") for n, connection in enumerate(opened)]
    claims = [worker.claim("queued", limit=40 // connections) for worker in workers]
    with ThreadPoolExecutor(connections) as together:
        list(together.map(Worker.decide, workers, claims))
    for connection in opened:
        connection.close()


def test_what_was_sent_keeps_its_place(world, rule, worker):
    worker.check()
    worker.write()
    worker.send()

    assert stages(world)["sent"] == 3
    assert reserved(world) == [3]


def test_a_place_stays_taken_when_the_next_follow_up_is_queued(world, rule, worker):
    worker.check()
    worker.write()
    worker.send()
    world.rows(
        "update public.ai_automation_contact_states set next_check_at = now()"
        " where current_stage = 'sent' returning id"
    )
    run_now(world, rule)

    assert reserved(world) == [3]
    worker.check()
    assert stages(world) == {"skipped": 8}


@pytest.mark.parametrize("until", ["eligible", "generating", "ready_to_send", "sending"])
def test_a_place_is_held_while_the_contact_is_in_flight(world, rule, worker, until):
    worker.check()
    if until == "generating":
        worker.claim("eligible")
    if until in ("ready_to_send", "sending"):
        worker.write()
    if until == "sending":
        worker.claim("ready_to_send")

    assert stages(world)[until] == 3
    assert reserved(world) == [3]


@pytest.mark.parametrize("stage", ["eligible", "ready_to_send"])
def test_a_contact_that_fails_gives_its_place_back(world, rule, worker, stage):
    worker.check()
    if stage == "ready_to_send":
        worker.write()
    jobs = worker.claim(stage)

    worker.record(jobs[:1], "failed", error_code="x", attempt_outcome="failed")

    assert reserved(world) == [2]


def test_a_contact_whose_message_may_be_out_keeps_its_place(world, rule, worker):
    worker.check()
    worker.write()
    jobs = worker.claim("ready_to_send")

    worker.record(jobs[:1], "failed", error_code="outcome_unknown", attempt_outcome="unknown")

    assert reserved(world) == [3]


@pytest.mark.parametrize("stage", ["eligible", "ready_to_send"])
def test_a_contact_that_is_skipped_at_the_last_moment_gives_its_place_back(
    world, rule, worker, stage
):
    worker.check()
    if stage == "ready_to_send":
        worker.write()
    [state] = world.rows(
        "select contact_id as id from public.ai_automation_contact_states"
        " where current_stage::text = %s limit 1",
        stage,
    )
    change(world, "contacts", state, opted_out_at=ago(minutes=1))

    assert len(worker.claim(stage)) == 2
    assert reserved(world) == [2]


@pytest.mark.parametrize("stage", ["eligible", "ready_to_send"])
def test_a_cancelled_contact_gives_its_place_back(world, rule, worker, stage):
    worker.check()
    if stage == "ready_to_send":
        worker.write()
    owner = {"id": rule["user_id"]}

    call_as(world, owner, "cancel_contacts", p_state_ids=state_ids(world, stage)[:1])

    assert reserved(world) == [2]


def test_a_contact_cancelled_while_being_written_to_gives_its_place_back_at_the_next_step(
    world, rule, worker
):
    worker.check()
    jobs = worker.claim("eligible")
    owner = {"id": rule["user_id"]}

    call_as(world, owner, "cancel_contacts", p_state_ids=[jobs[0]["state_id"]])
    still_held = reserved(world)
    worker.record(jobs, "ready_to_send", generated_message="See you Saturday?")

    assert still_held == [3]
    assert len(worker.claim("ready_to_send")) == 2
    assert reserved(world) == [2]


def test_a_rejected_message_gives_its_place_back(world, rule, worker):
    worker.has_worked_for(minutes=1)
    worker.check()
    worker.write()
    owner = {"id": rule["user_id"]}

    call_as(
        world, owner, "reject_message", p_state_id=state_ids(world, "ready_to_send")[0], p_reason=""
    )

    assert reserved(world) == [2]


def test_a_contact_that_killed_three_workers_gives_its_place_back(world, rule, worker):
    worker.has_worked_for(minutes=1)
    worker.check()
    for _ in range(7):
        worker.claim("eligible", limit=3, lease_seconds=0)
        call(world.connection, "reclaim_expired_leases")
        # The last turn comes after a while.
        world.rows("update public.ai_automation_contact_states set due_at = now() returning id")

    assert stages(world)["failed"] == 3
    assert reserved(world) == [0]


def test_a_deleted_contact_gives_its_place_back_unless_it_was_sent_to(world, rule, worker):
    worker.check()
    worker.write()
    worker.send(limit=1)

    world.rows(
        "delete from public.contacts as c using public.ai_automation_contact_states as s"
        " where s.contact_id = c.id and s.current_stage in ('sent', 'ready_to_send') returning c.id"
    )

    assert reserved(world) == [1]


def test_a_place_of_yesterday_is_not_enough_today(world, rule, worker):
    """Three passed the check before midnight; after it, today's limit counts them as today's."""
    worker.check()
    worker.write(limit=1)
    world.rows(
        "update public.ai_automation_contact_states set quota_day = quota_day - 1"
        " where quota_day is not null returning id"
    )
    change(world, "ai_automation_rules", rule, daily_limit=2)

    written = worker.claim("ready_to_send")
    passed = worker.claim("eligible")

    assert (len(written), len(passed)) == (1, 1)
    assert reserved(world) == [0, 2]
    assert today(world, rule) - timedelta(days=1) == first_day(world)


def today(world, rule):
    [row] = world.rows("select timezone(%s, now())::date as day", rule["time_zone"])
    return row["day"]


def first_day(world) -> date:
    [row] = world.rows("select min(day) as day from public.ai_automation_daily_usage")
    return row["day"]


def test_who_decides_and_who_records_do_not_wait_in_a_circle(world, worker, rule, database):
    decided = worker.claim("queued", limit=2)
    worker.check(limit=1)
    worker.write()
    sent = worker.claim("ready_to_send", limit=1)
    world.connection.execute(
        "update public.contacts set opted_out_at = now() where id in (select contact_id"
        " from public.ai_automation_contact_states where current_stage = 'checking')"
    )
    with (
        psycopg.connect(database.dsn(), row_factory=dict_row) as deciding,
        psycopg.connect(database.dsn(), row_factory=dict_row) as recording,
        ThreadPoolExecutor() as pool,
    ):
        ids = [job["state_id"] for job in decided]
        call(deciding, "lock_daily_usage", p_state_ids=ids)
        record = pool.submit(Worker(recording).record, sent, "sent", attempt_outcome="sent")
        wait_until_blocked(world, recording)

        answers = Worker(deciding).decide(decided)
        deciding.commit()

        assert {row["reason_code"] for row in answers} == {"opted_out"}
        assert [row["recorded"] for row in record.result()] == [True]


def wait_until_blocked(world, connection):
    """Returns when the other connection waits for a lock."""
    pid = connection.info.backend_pid
    while not world.rows("select 1 where cardinality(pg_blocking_pids(%s)) > 0", pid):
        pass
