"""This file is where averages, percentiles and rates on a stage card are held against the truth."""

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import ago
from tests.database.acting import Worker, call, change, run_now

STATES = "public.ai_automation_contact_states"


@pytest.fixture
def rule(world):
    page = world.page(world.user())
    rule = world.rule(page)
    for _ in range(41):
        world.contact(page)
    run_now(world, rule)
    return rule


def card(world, stage):
    [row] = world.rows(
        "select * from public.automation_stage_summary where stage = %s::public.automation_stage",
        stage,
    )
    return row


def test_percentiles_are_right_within_ten_percent(world, rule):
    stays = [0.02 * 1.35**n for n in range(41)]
    states = world.rows(f"select id from {STATES} order by id")  # noqa: S608
    for state, seconds in zip(states, stays, strict=True):
        change(world, "ai_automation_contact_states", state, stage_entered_at=ago(seconds=seconds))

    Worker(world.connection).claim("queued")

    passed = card(world, "queued")
    events = world.rows(
        "select seconds_in_stage from public.ai_automation_stage_events"
        " where from_stage = 'queued' order by 1"
    )
    real = [event["seconds_in_stage"] for event in events]
    assert passed["passed_last_hour"] == 41
    assert passed["mean_seconds_last_hour"] == pytest.approx(statistics.mean(real))
    assert passed["p50_seconds"] == pytest.approx(real[20], rel=0.1)
    assert passed["p95_seconds"] == pytest.approx(real[math.ceil(0.95 * 41) - 1], rel=0.1)


@settings(max_examples=200)
@given(seconds=st.floats(0.01, 5_000_000))
def test_no_duration_is_further_than_ten_percent_from_its_bucket(shared_world, seconds):
    [row] = shared_world.rows(
        "select public.bucket_seconds(ceil(ln(%s / 0.01) / ln(1.2))::smallint) as middle", seconds
    )

    assert row["middle"] == pytest.approx(seconds, rel=0.1)


def test_average_and_oldest_are_those_of_the_contacts_that_are_there(world, rule):
    states = world.rows(f"select id from {STATES} order by id")  # noqa: S608
    for number, state in enumerate(states):
        change(world, "ai_automation_contact_states", state, stage_entered_at=ago(minutes=number))

    shown = card(world, "queued")

    assert shown["average_seconds"] == pytest.approx(20 * 60, abs=30)
    assert shown["oldest_seconds"] == pytest.approx(40 * 60, abs=30)


def test_a_stage_without_contacts_has_no_times(world, rule):
    shown = card(world, "generating")

    assert (shown["contacts"], shown["average_seconds"], shown["oldest_seconds"]) == (0, None, None)
    assert (shown["in_per_minute"], shown["p95_seconds"]) == (0, None)


def test_a_rate_does_not_drop_to_zero_when_a_minute_begins(world, rule):
    Worker(world.connection).claim("queued")
    world.connection.execute(
        "update public.ai_automation_stage_minutes set minute = minute - interval '1 minute'"
    )

    assert card(world, "queued")["out_per_minute"] == 41
    assert card(world, "checking")["in_per_minute"] == 41


def test_counting_again_changes_nothing(world, rule):
    Worker(world.connection).check(limit=10)
    before = world.rows("select * from public.automation_live_stats")

    call(world.connection, "recount_stages")

    assert world.rows("select * from public.automation_live_stats") == before


def test_the_snapshot_says_why_contacts_failed_and_what_to_do(world, rule):
    worker = Worker(world.connection)
    worker.check()
    worker.record(
        worker.claim("eligible", limit=3),
        "failed",
        error_code="ai_blocked",
        error_message="Google AI refused.",
        error_hint="Change the prompt.",
    )

    [row] = world.rows("select public.monitor_snapshot(%s) -> 'failures' as failures", rule["id"])

    assert row["failures"] == [
        {
            "error_code": "ai_blocked",
            "contacts": 3,
            "message": "Google AI refused.",
            "hint": "Change the prompt.",
        }
    ]
