"""This file is where a database of version 1 becomes one of today, and nothing in it is lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg
import pytest

from local.bootstrap import migrate
from pipeline.stages import IN_FLIGHT, Stage
from sql.describe import PAGE, describe, read_catalogue
from tests.builders import Row, World
from tests.database import books, version_1
from tests.database.acting import Worker, call, call_as, run_now

OUT_TWICE = """
    select state_id, follow_up from public.ai_automation_attempts
    where outcome in ('sending', 'sent', 'unknown') group by 1, 2 having count(*) > 1
"""


def upgrade(world: World, times: int = 1) -> None:
    """Applies the file of today."""
    about = world.connection.info
    for _ in range(times):
        migrate(f"{about.dsn} password={about.password}")


@pytest.fixture
def past(cluster, upgraded):
    """A copy of what became of it, to go on with."""
    original, *_ = upgraded
    with version_1.copy_of(original, cluster) as past:
        yield past


@pytest.fixture(scope="module")
def upgraded(cluster):
    """Version 1 after the file of today, twice; with what it held before and after."""
    with version_1.empty(cluster) as world:
        past = version_1.Past(world)
        columns = version_1.columns(world)
        before = version_1.contents(world, columns)
        upgrade(world, times=2)
        yield past, before, version_1.contents(world, columns)


def states_of(world: World) -> list[Row]:
    return world.rows("select * from public.ai_automation_contact_states order by id")


def test_version_1_was_full(upgraded):
    past, before, _ = upgraded
    outcomes = past.world.rows("select distinct outcome from public.ai_automation_attempts")

    assert [table for table, rows in before.items() if not rows] == []
    assert {row["outcome"] for row in outcomes} == {
        *("sending", "sent", "failed", "retry", "unknown", "abandoned")
    }
    for rule in past.rules:
        assert set(books.stages(past.world, rule).values()) == {stage.value for stage in Stage}


@pytest.mark.parametrize("table", version_1.TABLES)
def test_every_row_is_still_there_with_every_value(upgraded, table):
    _, before, after = upgraded

    assert after[table] == before[table]


def test_every_book_is_right(upgraded):
    past, _, _ = upgraded

    for rule in past.rules:
        states = past.world.rows(books.STATES, rule["id"])
        books.check_runs(past.world, rule, states)
        books.check_histories(past.world, rule, states)
        books.check_attempts(past.world, rule, states)
        books.check_flow(past.world, rule, states)
        books.check_counts(past.world, rule)


def test_the_database_is_what_a_new_one_is(upgraded):
    """Up to the order of columns: what version 2 added stands last."""
    past, _, _ = upgraded

    page = describe(read_catalogue(past.world.connection))

    assert sorted(page.splitlines()) == sorted(PAGE.read_text().splitlines())


def test_the_ledger_knows_what_is_or_may_be_out(upgraded):
    past, _, _ = upgraded
    tries = past.world.rows(
        "select state_id, follow_up, user_id, id as attempt_id, outcome = 'sent' as accepted"
        " from public.ai_automation_attempts where outcome in ('sending', 'sent', 'unknown')"
        " order by state_id, follow_up"
    )

    ledger = past.world.rows(
        "select state_id, follow_up, user_id, attempt_id, accepted"
        " from public.ai_automation_follow_ups order by 1, 2"
    )

    assert ledger == tries


def test_each_contact_knows_its_latest_try(upgraded):
    past, _, _ = upgraded
    latest = past.world.rows(
        "select distinct on (state_id) state_id, id, started_at from public.ai_automation_attempts"
        " order by state_id, started_at desc"
    )

    known = {
        state["id"]: (state["attempt_id"], state["attempt_started_at"])
        for state in states_of(past.world)
        if state["attempt_id"]
    }

    assert known == {row["state_id"]: (row["id"], row["started_at"]) for row in latest}


def test_the_cards_are_what_the_list_holds(upgraded):
    past, _, _ = upgraded
    listed = past.world.rows("select rule_id, current_stage from public.active_automation_contacts")
    there = Counter((row["rule_id"], row["current_stage"]) for row in listed)

    cards = past.world.rows(
        "select rule_id, stage, contacts from public.automation_stage_summary where contacts > 0"
    )

    assert {(row["rule_id"], row["stage"]): row["contacts"] for row in cards} == there
    # The oldest automation's finished contacts have left the list, those in flight never do.
    assert {stage for rule, stage in there if rule == past.rules[2]["id"]} == set(IN_FLIGHT)


def test_a_follow_up_that_is_or_may_be_out_cannot_be_tried_again(upgraded):
    past, _, _ = upgraded
    tries = past.world.rows(
        "select * from public.ai_automation_attempts"
        " where outcome in ('sending', 'sent', 'unknown')"
    )
    again = ("user_id", "state_id", "rule_id", "contact_id", "page_id", "follow_up", "worker")

    for row in tries:
        with pytest.raises(psycopg.errors.UniqueViolation):
            past.world.insert(
                "public.ai_automation_attempts", **{name: row[name] for name in again}
            )
    assert len(tries) >= len(past.rules) * 7


def test_a_worker_of_before_finishes_what_it_holds(past):
    ends = {
        "sending": ("sent", {"attempt_outcome": "sent", "facebook_message_id": "m_late"}),
        "generating": ("ready_to_send", {"generated_message": "Still hungry?"}),
    }
    answers = []
    for job in past.held:
        stage, said = ends[job["stage"]]
        answers += past.worker.record([job], stage, **said)

    assert [answer["problem"] for answer in answers] == [None] * len(past.rules) * 2


def test_workers_of_today_go_on_and_send_nothing_twice(past):
    worker = Worker(past.world.connection, "worker-2")
    past.world.rows(
        "update public.ai_automation_contact_states set due_at = now(), lease_expires_at ="
        " case when lease_expires_at is not null then now() end returning 1"
    )

    call(past.world.connection, "reclaim_expired_leases")
    unsure = []
    while some := worker.claim("sending"):
        unsure += some
        # Of a page that was connected by then one is looked for after the other.
        past.world.rows("update public.facebook_page_syncs set next_call_at = now() returning 1")
    worker.record(unsure[::2], "sent", attempt_outcome="sent", facebook_message_id="m_settled")
    worker.record(unsure[1::2], "failed", error_code="unknown", attempt_outcome="unknown")
    worker.check()
    # Those that a worker was lost with come one by one.
    while worker.write():
        pass
    worker.send()

    states = states_of(past.world)
    assert len(unsure) == 2 * len(past.rules)
    assert not {state["current_stage"] for state in states} & set(IN_FLIGHT)
    assert past.world.rows(OUT_TWICE) == []
    for rule in past.rules:
        own = past.world.rows(books.STATES, rule["id"])
        books.check_runs(past.world, rule, own)
        books.check_histories(past.world, rule, own)
        books.check_attempts(past.world, rule, own)


def test_work_goes_on_while_the_database_is_upgraded(cluster):
    with version_1.empty(cluster) as world:
        world.connection.execute(
            "alter table public.facebook_pages drop constraint facebook_pages_rate_is_possible"
        )
        page = world.page(world.user(), sends_per_minute=1_000_000)
        rule = world.rule(page, daily_limit=300)
        for _ in range(300):
            world.contact(page)
        run_now(world, rule)
        done = Event()

        with ThreadPoolExecutor() as pool:
            busy = [pool.submit(work, world, done), pool.submit(look, world, rule, done)]
            try:
                upgrade(world, times=3)
            finally:
                done.set()
            rounds = [each.result() for each in busy]

        states = states_of(world)
        [stats] = world.rows("select total from public.automation_live_stats")
        assert min(rounds) > 0
        assert stats["total"] == 300
        assert Counter(row["current_stage"] for row in states) == {"sent": 300}
        assert Counter(row["follow_up_count"] for row in states) == {1: 300}
        assert world.rows(OUT_TWICE) == []
        books.check_histories(world, rule, states)
        books.check_runs(world, rule, states)


class PatientWorker(Worker):
    """Asks again where an upgrade ended in the middle of a function of version 1, as workers do."""

    def claim(self, *arguments, **named):
        return asked_again(super().claim, *arguments, **named)

    def record(self, *arguments, **named):
        return asked_again(super().record, *arguments, **named)


def asked_again(ask, *arguments, **named):
    try:
        return ask(*arguments, **named)
    except psycopg.errors.UndefinedFunction:
        return ask(*arguments, **named)


def work(world: World, done: Event) -> int:
    """Works in small bites until the upgrade is over, then finishes; returns the bites."""
    about, bites = world.connection.info, 0
    with psycopg.connect(
        f"{about.dsn} password={about.password}", autocommit=True, row_factory=psycopg.rows.dict_row
    ) as connection:
        worker = PatientWorker(connection)
        while not done.is_set():
            worker.check(1), worker.write(1), worker.send(1)
            bites += 1
        worker.check(), worker.write(), worker.send()
    return bites


def look(world: World, rule: Row, done: Event) -> int:
    """Watches and imports as the owner does, until the upgrade is over; returns how often."""
    about, looks = world.connection.info, 0
    own = World(f"{about.dsn} password={about.password}")
    owner = {"id": rule["user_id"]}
    while not done.is_set():
        snapshot = call_as(own, owner, "monitor_snapshot", p_rule_id=rule["id"])
        # A look that waited for the upgrade sees the new tables as they were before it: empty.
        assert snapshot["totals"]["total"] in (300, 0)
        looks += 1
    own.close()
    return looks
