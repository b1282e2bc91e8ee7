"""This file is where figures are rolled up in any order, and are what the raw rows say."""

from collections import Counter
from datetime import timedelta

import psycopg
import pytest

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, run_now
from tests.database.past import Past


@pytest.mark.parametrize("seed", range(2))
def test_figures_are_what_the_raw_rows_say_whatever_the_order(world, database, seed):
    past = Past(world, seed)
    acts = {
        past.pass_time: 6,
        past.try_to_send: 8,
        past.hear_of_a_try: 8,
        past.hear_from_a_contact: 3,
        past.move_contacts: 6,
        past.roll_up: 4,
        past.roll_up_and_die: 1,
    }
    for act in past.random.choices([*acts], [*acts.values()], k=250):
        act()
        past.now += timedelta(milliseconds=7)
    past.catch_up()

    truth, figures = past.truth(), +past.figures()

    mine = {place: many for place, many in figures.items() if place[0] != past.owner["id"]}
    assert mine == truth
    assert {place[1] for place in truth} >= {"sent", "failed", "retried", "replied", "unpriced"}
    everything: Counter = Counter()
    for (_, *place), many in truth.items():
        everything[past.owner["id"], *place] += many
    assert {place: many for place, many in figures.items() if place not in mine} == everything
    listed = {"messages", "cost", "tokens_in", "unpriced_out"}
    days = {row["kind"]: row["n"] for row in world.rows(
        "select kind, sum(total) as n from public.ai_automation_days group by kind"
    )}  # fmt: skip
    for kind in listed:
        assert days[kind] == sum(many for place, many in truth.items() if place[1] == kind)


def test_nothing_is_sent_before_it_was_queued_nor_replied_to_before_it_was_sent(world):
    """A run under way, looked at after every call, also by calls that read little."""
    past = Past(world, 4)
    seen = set()
    for _ in range(60):
        queued_at, tried = past.now, len(past.tries)
        past.now += timedelta(seconds=1)
        past.try_to_send()
        world.connection.execute(
            "insert into public.ai_automation_stage_minutes as m"
            " (user_id, rule_id, stage, minute, bucket, shard, entered)"
            " values (%s, %s, 'queued', date_trunc('minute', %s::timestamptz), 0, 0, %s)"
            " on conflict (rule_id, minute, stage, bucket, shard) do update"
            " set entered = m.entered + excluded.entered",
            [past.owner["id"], past.rules[0]["id"], queued_at, len(past.tries) - tried],
        )
        past.hear_of_a_try()
        past.hear_from_a_contact()
        past.now += timedelta(seconds=past.random.choice((1, 9, 30)))
        past.roll_up()
        found: Counter = Counter()
        for (scope, kind, *_), many in past.figures().items():
            found[kind] += many if scope == past.owner["id"] else 0
        assert found["entered"] >= found["sent"] >= found["replied"]
        seen.add(found["entered"] - found["sent"])
    past.catch_up()

    assert len(seen) > 1
    told = call_as(world, past.owner, "analytics_until")
    assert told["until"] <= told["now"]


def test_one_rolls_up_at_a_time(world, database):
    with psycopg.connect(database.dsn()) as other:
        other.execute("select public.roll_up()")
        assert call(world.connection, "roll_up")[0]["roll_up"] == {"busy": True}


def test_what_was_not_rolled_up_is_not_summed_up_and_minutes_and_hours_are_one(world):
    """Half of an hour is a week old and summed up, then roll_up begins."""
    past = Past(world, 1)
    past.now = ago(days=9)
    for _ in range(30):
        past.move_contacts()
        past.pass_time()
    truth = past.truth()
    call(world.connection, "sum_up_minutes", p_limit=20)
    summed_up = len(world.rows("select from public.ai_automation_stage_periods"))
    while past.roll_up(3, ago(days=8)).get("more"):
        call(world.connection, "sum_up_minutes", p_limit=1)

    past.catch_up()

    assert summed_up
    totals = [Counter(), Counter()]
    for total, found in zip(totals, (truth, past.figures()), strict=True):
        for (scope, kind, key, number, _), many in found.items():
            if scope != past.owner["id"]:
                total[scope, kind, key, number] += many
    assert +totals[1] == +totals[0]


def test_a_deleted_automation_leaves_what_it_did_to_its_owner(world):
    past = Past(world, 2)
    for _ in range(20):
        past.move_contacts()
        past.pass_time()
    past.catch_up()
    before = past.figures()

    world.connection.execute(
        "delete from public.ai_automation_rules where id = %s", [past.rules[0]["id"]]
    )

    left = {past.owner["id"], past.rules[1]["id"]}
    assert past.figures() == Counter({k: n for k, n in before.items() if k[0] in left})


def test_a_message_that_could_not_be_written_is_a_failure_with_its_cause(world):
    page = world.page(world.user())
    rule = world.rule(page)
    world.contact(page)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.record(worker.claim("eligible"), "failed", error_code="ai_refused")
    moment = ago(minutes=5)
    world.connection.execute(
        "update public.ai_automation_contact_states set stage_entered_at = %s, queued_at = %s",
        [moment, ago(minutes=6)],
    )

    while call(world.connection, "roll_up")[0]["roll_up"]["more"]:
        pass

    found = world.rows(
        "select key, upto[96] as n from public.ai_automation_figures where kind = 'failed'"
        " and scope_id = %s",
        rule["id"],
    )
    assert found == [{"key": "ai_refused", "n": 1}]


def test_old_durations_are_kept_by_the_hour_and_very_old_figures_go(world):
    past = Past(world, 3)
    for days in (5, 20, 200):
        past.now = ago(days=days)
        world.connection.execute(
            "select public.add_figures(array("
            "select (%s, %s, %s + n * interval '1 hour', k, 'queued', 1, n)"
            "::public.automation_figure from generate_series(1, 3) as n, unnest(%s::text[]) as k))",
            [past.owner["id"], past.rules[0]["id"], past.now, ["stayed", "entered"]],
        )
    past.roll_up()
    sums = "select sum(upto[cardinality(upto)]) as n from public.ai_automation_figures"

    call(world.connection, "keep_figures_small", p_limit=1)
    while call(world.connection, "keep_figures_small", p_limit=1)[0]["keep_figures_small"]:
        pass

    shapes = world.rows(
        "select distinct kind, current_date - day > 8 as old, cardinality(upto) as parts"
        " from public.ai_automation_figures order by kind, old"
    )
    assert [tuple(row.values()) for row in shapes] == [
        ("entered", False, 96),
        ("entered", True, 96),
        ("stayed", False, 96),
        ("stayed", True, 24),
    ]
    assert world.rows(sums)[0]["n"] == 2 * 2 * 2 * 6
