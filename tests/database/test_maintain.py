"""This file is where years of running are made up, and what must stay is still there."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.builders import ago
from tests.database.acting import Worker, call, change, run_now

STATES = "ai_automation_contact_states"


@pytest.fixture
def page(world):
    return world.page(world.user(), sends_per_minute=2400)


@pytest.fixture
def worker(world):
    return Worker(world.connection)


def maintain(world, **arguments):
    world.connection.execute("set role service_role")
    [answer] = call(world.connection, "maintain", **arguments)
    world.connection.execute("reset role")
    return answer["maintain"]


def days_of(world, table):
    """The days for which there is a partition."""
    rows = world.rows(
        r"select right(c.relname, 8) as day from pg_inherits as i"
        r" inner join pg_class as c on c.oid = i.inhrelid and c.relname ~ '_\d{8}$'"
        " where i.inhparent = %s::regclass order by day",
        f"public.{table}",
    )
    return [datetime.strptime(row["day"], "%Y%m%d").date() for row in rows]  # noqa: DTZ007


def age(world, table, column, **units):
    """Moves history into the past, where a day is made for it."""
    moment = ago(**units)
    call(world.connection, "make_history_days", p_from=moment.date(), p_until=moment.date())
    command = f"update public.{table} set {column} = %s"  # noqa: S608
    world.connection.execute(command.encode(), [moment])


@pytest.mark.parametrize("table", ["ai_automation_stage_events", "ai_automation_attempts"])
def test_the_next_days_are_always_ready(world, table):
    maintain(world)  # The database may have been made before midnight.
    today = datetime.now(UTC).date()
    name = f"automation_history.{table}_{today + timedelta(days=3):%Y%m%d}"
    world.connection.execute(f"drop table {name}".encode())

    assert maintain(world)["days_made"] == 1
    assert days_of(world, table)[-4:] == [today + timedelta(days=n) for n in range(4)]
    assert maintain(world)["days_made"] == 0


def test_a_day_is_dropped_when_it_is_old_and_not_before(world, page, worker):
    world.rule(page)
    age(world, "ai_automation_stage_events", "occurred_at", days=30)
    age(world, "ai_automation_stage_events", "occurred_at", days=31)

    assert maintain(world, p_history_days=30)["days_dropped"] == 2  # events and attempts
    assert days_of(world, "ai_automation_stage_events")[0] == ago(days=30).date()


def test_totals_are_the_same_after_the_details_are_gone(world, page, worker):
    rule = world.rule(page)
    for _ in range(3):
        world.contact(page)
    run_now(world, rule)
    worker.check()
    worker.write()
    worker.send(limit=2)
    before = totals(world)
    age(world, "ai_automation_stage_events", "occurred_at", days=40)
    age(world, "ai_automation_attempts", "started_at", days=40)
    world.connection.execute(
        "update public.ai_automation_stage_minutes set minute = minute - interval '100 days'"
    )

    answer = maintain(world)

    assert answer["minutes_summed_up"] > 0
    assert world.rows("select 1 from public.ai_automation_stage_events") == []
    assert world.rows("select 1 from public.ai_automation_attempts") == []
    assert world.rows("select 1 from public.ai_automation_stage_minutes") == []
    assert totals(world) == before


def totals(world):
    """Every figure that a person reads for longer than the details last."""
    return (
        world.rows(
            "select stage::text, sum(entered) as entered, sum(passed) as passed,"
            " round(sum(passed_seconds)::numeric, 6) as seconds from ("
            " select stage, entered, passed, passed_seconds from public.ai_automation_stage_minutes"
            " union all select stage, entered, passed, passed_seconds"
            " from public.ai_automation_stage_periods) as n group by stage order by stage"
        ),
        world.rows("select sent, reserved from public.ai_automation_daily_usage"),
        world.rows("select total, sent, skipped, failed from public.ai_automation_runs"),
        world.rows("select sent, in_flight, total from public.automation_live_stats"),
    )


def test_hours_become_days_and_keep_their_sums(world, page):
    rule = world.rule(page)
    start = ago(days=95).replace(hour=1, minute=0, second=0, microsecond=0)
    for hours in (0, 5):
        world.insert(
            "public.ai_automation_stage_periods",
            **{"user_id": page["user_id"], "rule_id": rule["id"], "stage": "sent", "bucket": 7},
            **{"span": "hour", "starts_at": start + timedelta(hours=hours), "entered": 4},
            **{"passed": 2, "passed_seconds": 1.5},
        )

    maintain(world)

    [day] = world.rows("select * from public.ai_automation_stage_periods")
    assert (day["span"], day["starts_at"]) == ("day", start.replace(hour=0))
    assert (day["entered"], day["passed"], day["passed_seconds"]) == (8, 4, 3)


def test_who_is_in_flight_stays_however_old(world, page, worker):
    rule, contact = world.rule(page), world.contact(page)
    run_now(world, rule)
    [state] = world.rows(f"select id from public.{STATES}")  # noqa: S608
    change(world, STATES, state, stage_entered_at=ago(days=400))

    maintain(world)

    [seen] = world.rows("select * from public.active_automation_contacts")
    assert (seen["contact_id"], seen["current_stage"]) == (contact["id"], "queued")
    [stats] = world.rows("select queued, in_flight from public.automation_live_stats")
    assert (stats["queued"], stats["in_flight"]) == (1, 1)


@pytest.mark.parametrize("hours", [23, 26])
def test_who_is_done_leaves_the_list_and_the_counts_together(world, page, worker, hours):
    rule = world.rule(page)
    world.contact(page)
    run_now(world, rule)
    worker.check()
    worker.write()
    worker.send()
    [state] = world.rows(f"select id from public.{STATES}")  # noqa: S608
    change(world, STATES, state, stage_entered_at=ago(hours=hours))

    shown = world.rows("select 1 from public.active_automation_contacts")
    [stats] = world.rows("select sent, total from public.automation_live_stats")

    expected = 1 if hours < 24 else 0
    assert (len(shown), stats["sent"], stats["total"]) == (expected, expected, expected)


def test_texts_go_a_day_after_the_end_and_the_facts_stay(world, page, worker):
    rule = world.rule(page)
    for _ in range(2):
        world.contact(page)
    run_now(world, rule)
    worker.check()
    worker.write()
    worker.send(limit=1)
    for table, column in (
        (STATES, "stage_entered_at"),
        ("ai_automation_attempts", "started_at"),
    ):
        age(world, table, column, hours=25)

    assert maintain(world)["texts_removed"] == 2

    states = world.rows(
        f"select current_stage, generated_message, tokens_in from public.{STATES} order by 1"  # noqa: S608
    )
    assert [bool(state["generated_message"]) for state in states] == [True, False]
    [attempt] = world.rows("select * from public.ai_automation_attempts")
    assert attempt["message"] is None
    assert (attempt["outcome"], bool(attempt["facebook_message_id"])) == ("sent", True)


def test_a_follow_up_stays_sent_when_its_day_is_dropped(world, page, worker):
    rule = world.rule(page)
    world.contact(page)
    run_now(world, rule)
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send")
    worker.record([job], "failed", error_code="outcome_unknown", attempt_outcome="unknown")
    age(world, "ai_automation_attempts", "started_at", days=40)
    maintain(world)

    with pytest.raises(psycopg.errors.UniqueViolation):
        world.insert(
            "public.ai_automation_attempts",
            **{"user_id": page["user_id"], "state_id": job["state_id"], "rule_id": rule["id"]},
            **{"contact_id": world.rows("select id from public.contacts")[0]["id"]},
            **{"page_id": page["id"], "follow_up": 1, "worker": "w"},
        )


def test_history_of_a_day_without_a_partition_is_kept_and_later_dropped(world, page):
    rule, contact = world.rule(page), world.contact(page)
    run_now(world, rule)
    [state] = world.rows(f"select id from public.{STATES}")  # noqa: S608
    row = {
        **{"user_id": page["user_id"], "rule_id": rule["id"], "contact_id": contact["id"]},
        **{"state_id": state["id"], "to_stage": "queued", "actor": "system"},
    }
    far = datetime.now(UTC) + timedelta(days=20)
    world.insert("public.ai_automation_stage_events", **row, occurred_at=far)
    world.insert("public.ai_automation_stage_events", **row, occurred_at=ago(days=50))

    call(world.connection, "make_history_days", p_from=far.date(), p_until=far.date())
    maintain(world)

    kept = world.rows("select occurred_at from public.ai_automation_stage_events order by 1")
    assert [row["occurred_at"] for row in kept][-1] == far
    assert len(kept) == 2  # the first is of the run


def test_one_maintains_at_a_time(world, database):
    with psycopg.connect(database.dsn()) as other:
        other.execute("select public.maintain()")
        assert maintain(world) == {"busy": True}


def test_a_table_that_is_held_is_left_for_the_next_minute(world, database):
    maintain(world)  # The database may have been made before midnight.
    today = datetime.now(UTC).date()
    name = f"ai_automation_attempts_{today + timedelta(days=3):%Y%m%d}"
    world.connection.execute(f"drop table automation_history.{name}".encode())
    world.connection.execute("alter function public.maintain set lock_timeout = '50ms'")
    with psycopg.connect(database.dsn()) as other:
        other.execute("lock table public.ai_automation_attempts in access share mode")

        assert maintain(world)["days_made"] is None

    assert maintain(world)["days_made"] == 1


def test_texts_cannot_be_asked_away_at_once(world):
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        maintain(world, p_text_hours=0)
