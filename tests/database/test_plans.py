"""This file is where frequent queries are shown to read what they need, and no history."""

from contextlib import contextmanager

import psycopg
import pytest

from tests.database.acting import Worker, call, call_as

STATES = "ai_automation_contact_states"
EVENTS = "ai_automation_stage_events"
ATTEMPTS = "ai_automation_attempts"
CLAIM_INDEX = "ai_automation_contact_states_claim_idx"
LEASE_INDEX = "ai_automation_contact_states_lease_idx"
RULES, CONTACTS_PER_RULE, WAITING_PER_RULE = 5, 2000, 60
ALL = 1.1 * CONTACTS_PER_RULE

FILL = """
with added as (
    insert into public.contacts (user_id, page_id, sender_id, sender_name, last_inbound_at)
    select p.user_id, p.id, 's' || g, 'Contact ' || g, now() - g * interval '1 minute'
    from public.facebook_pages as p cross join generate_series({first}, {contacts}) as g
    returning id, user_id, page_id, sender_id
)

insert into public.ai_automation_contact_states (
    user_id, rule_id, contact_id, current_stage, stage_entered_at, due_at, generated_message
)
select
    a.user_id, r.id, a.id,
    case
        when n.number <= {waiting} then 'queued'
        when n.number <= 2 * {waiting} then 'eligible'
        when n.number <= 3 * {waiting} then 'ready_to_send'
        else 'completed'
    end::public.automation_stage,
    now() - n.number * interval '1 hour', now() - n.number * interval '1 second', 'Hello'
from added as a
inner join public.ai_automation_rules as r on r.page_id = a.page_id
cross join lateral (select substr(a.sender_id, 2)::int as number) as n
"""


# What an automation leaves behind that has been running since last week.
MINUTES_OF_LAST_WEEK = """
insert into public.ai_automation_stage_minutes (user_id, rule_id, stage, minute, entered, passed)
select
    r.user_id, r.id, 'sent',
    date_trunc('minute', now()) - interval '3 days' - m * interval '1 minute', 1, 1
from public.ai_automation_rules as r cross join generate_series(1, 2000) as m
"""


class Readings:
    """What a block of queries read: scans and rows by table, scans by index."""

    def __init__(self, world):
        self._world = world
        self._before = self._read()
        self._after = {}

    def stop(self):
        self._after = self._read()

    def _read(self):
        # The days of a partitioned table count as the table.
        tables = self._world.rows(
            r"select regexp_replace(relname, '_(\d{8}|default)$', '') as relname,"
            " sum(seq_scan) as seq_scan, sum(coalesce(idx_scan, 0)) as idx_scan,"
            " sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) as rows"
            " from pg_stat_xact_user_tables group by 1"
        )
        indexes = self._world.rows(
            "select c.relname, pg_stat_get_xact_numscans(c.oid) as scans from pg_class as c"
            " where c.relkind = 'i' and c.relnamespace = 'public'::regnamespace"
        )
        return {
            **{
                (row["relname"], name): row[name]
                for row in tables
                for name in ("seq_scan", "idx_scan", "rows")
            },
            **{(row["relname"], "scans"): row["scans"] for row in indexes},
        }

    def __call__(self, relation, what):
        return self._after[relation, what] - self._before[relation, what]


@pytest.fixture(scope="module")
def busy(shared_world):
    """Ten automations with a few thousand contacts between them."""
    world = shared_world
    user = world.user()
    world.rules = [world.rule(world.page(user, sends_per_minute=2400)) for _ in range(RULES)]
    world.owner = user
    fill = FILL.format(first=1, contacts=CONTACTS_PER_RULE, waiting=WAITING_PER_RULE)
    world.connection.execute(fill.encode())
    world.connection.execute(MINUTES_OF_LAST_WEEK.encode())
    world.connection.execute("analyze")
    # As hosted projects have it; the default is for disks that turn.
    world.connection.execute("set random_page_cost = 1.1")
    return world


@pytest.fixture
def reading(busy):
    """Counts what is read inside the block; nothing of it stays."""

    @contextmanager
    def block():
        with busy.connection.transaction(force_rollback=True):
            readings = Readings(busy)
            yield readings
            readings.stop()

    return block


@pytest.mark.parametrize("stage", ["queued", "eligible", "ready_to_send"])
def test_claiming_reads_about_what_it_hands_out(busy, reading, stage):
    with reading() as read:
        jobs = Worker(busy.connection).claim(stage, limit=10)

    assert len(jobs) == 10
    assert read(CLAIM_INDEX, "scans") > 0
    assert read(STATES, "seq_scan") == 0
    assert read(STATES, "rows") < 1500
    assert read("contacts", "rows") < 200
    assert read(EVENTS, "rows") == 0


def test_deciding_reads_the_contacts_it_decides_about_not_their_page(busy, reading):
    with reading() as read:
        worker = Worker(busy.connection)
        jobs = worker.claim("queued", limit=10)
        claimed = read_so_far(read, "contacts")
        assert len(worker.decide(jobs)) == 10
        decided = read_so_far(read, "contacts") - claimed

    assert decided < 100
    assert read(EVENTS, "rows") == 0


def test_recording_finds_its_rows_by_key(busy, reading):
    worker = Worker(busy.connection)
    with reading() as read:
        jobs = worker.claim("eligible", limit=10)
        claimed = read_so_far(read, STATES)
        worker.record(jobs, "ready_to_send", generated_message="Hello")
        recorded = read_so_far(read, STATES) - claimed

    assert recorded < 100
    assert read(STATES, "seq_scan") == 0
    assert read(EVENTS, "rows") == 0


def read_so_far(read, table):
    read.stop()
    return read(table, "rows")


def test_ending_a_run_reads_no_run_but_its_own(busy):
    connection = busy.connection
    with connection.transaction(force_rollback=True):
        for query in (
            "insert into public.ai_automation_runs (user_id, rule_id, source, total)"
            " select r.user_id, r.id, 'schedule', 1000"
            " from public.ai_automation_rules as r, generate_series(1, 1000)",
            "analyze public.ai_automation_runs",
            "update public.ai_automation_contact_states as s set run_id ="
            " (select r.id from public.ai_automation_runs as r where r.rule_id = s.rule_id limit 1)"
            " where s.current_stage = 'ready_to_send'",
        ):
            connection.execute(query)
        read = Readings(busy)
        connection.execute(
            "update public.ai_automation_contact_states set current_stage = 'skipped'"
            " where current_stage = 'ready_to_send'"
        )
        read.stop()
        [counted] = busy.rows("select sum(skipped) as skipped from public.ai_automation_runs")

    assert counted["skipped"] == RULES * WAITING_PER_RULE
    assert read("ai_automation_runs", "rows") < 10 * RULES


def test_the_clock_is_read_once_per_zone_not_per_contact(busy, shared_database):
    superuser = shared_database.cluster.superuser_dsn(shared_database.name)
    with psycopg.connect(superuser) as connection:
        connection.execute("set local track_functions = 'all'")
        connection.execute(
            "update public.ai_automation_rules set run_24_7 = false where id = %s",
            [busy.rules[0]["id"]],
        )
        judged = connection.execute(
            "select * from public.contact_eligibility(%s)", [busy.rules[0]["id"]]
        ).fetchall()
        [calls] = connection.execute(
            "select pg_stat_get_xact_function_calls(p.oid)"
            " from pg_catalog.pg_proc as p where p.proname = 'is_active_now'"
        ).fetchone()

    assert len(judged) == CONTACTS_PER_RULE
    assert 1 <= calls <= 2  # active_hours asks once more, where it is closed


def test_looking_for_expired_leases_reads_nobody_elses_contacts(busy, reading):
    with reading() as read:
        Worker(busy.connection).claim("eligible", limit=3, lease_seconds=0)
        call(busy.connection, "reclaim_expired_leases")

    assert read(LEASE_INDEX, "scans") > 0
    assert read(STATES, "seq_scan") == 0


def test_looking_for_closed_windows_reads_those_who_wait(busy, reading):
    with reading() as read:
        call(busy.connection, "skip_closed_windows")

    assert read(CLAIM_INDEX, "scans") > 0
    assert read(STATES, "seq_scan") == 0


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ("select * from public.automation_live_stats where rule_id = %s", 0),
        ("select * from public.automation_stage_summary where rule_id = %s", 20),
        (
            "select * from public.active_automation_contacts where rule_id = %s",
            1.1 * CONTACTS_PER_RULE,
        ),
    ],
    ids=["live stats", "stage summary", "active contacts"],
)
def test_a_card_reads_counts_and_no_contacts_but_the_oldest(busy, reading, query, states):
    with reading() as read:
        assert busy.rows(query, busy.rules[0]["id"])

    assert read(STATES, "seq_scan") == 0
    assert read(STATES, "rows") <= states
    assert_no_history_was_read(read)


def test_reading_a_day_of_history_would_be_noticed(busy, reading):
    with reading() as read:
        busy.rows("select count(*) from public.ai_automation_stage_events")

    with pytest.raises(AssertionError):
        assert_no_history_was_read(read)


def assert_no_history_was_read(read):
    for table in (EVENTS, ATTEMPTS):
        assert (read(table, "seq_scan"), read(table, "idx_scan")) == (0, 0)


@pytest.mark.parametrize("ask", [{}, {"p_stage": "queued"}, {"p_search": "contact 7"}])
def test_the_monitor_reads_its_own_automation_and_no_history(busy, reading, ask):
    with reading() as read:
        snapshot = call_as(
            busy, busy.owner, "monitor_snapshot", p_rule_id=busy.rules[0]["id"], **ask
        )

    assert snapshot["totals"]["in_flight"] == 3 * WAITING_PER_RULE
    assert read(STATES, "seq_scan") == 0
    if "p_search" not in ask:
        assert read(STATES, "rows") <= 600
        assert read("contacts", "rows") <= 110
    assert read("ai_automation_stage_minutes", "rows") < 100
    assert_no_history_was_read(read)


def test_the_room_of_a_page_is_read_from_its_own_tries(busy, reading):
    with reading() as read:
        Worker(busy.connection).claim("eligible", limit=50)
        claimed = read_so_far(read, STATES)
        call(busy.connection, "page_room", p_page_id=busy.rules[0]["page_id"])
        room = read_so_far(read, STATES) - claimed

    assert room == 0
