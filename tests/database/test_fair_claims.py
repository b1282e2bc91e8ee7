"""This file is where a small page does not wait behind a large one."""

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.builders import ago
from tests.database.acting import Worker, call, change, run_now


def queue(world, page, contacts):
    """A run with so many contacts; returns the ids of their states."""
    rule = world.rule(page)
    for _ in range(contacts):
        world.contact(page)
    run_now(world, rule)
    return rule


@pytest.fixture
def large(world):
    return queue(world, world.page(world.user(), sends_per_minute=2400), 60)


@pytest.fixture
def small(world, large):
    return queue(world, world.page(world.user(), sends_per_minute=2400), 5)


@pytest.mark.parametrize("stage", ["queued", "eligible", "ready_to_send"])
def test_who_came_last_with_little_is_served_in_the_first_claim(world, large, small, stage):
    worker = Worker(world.connection)
    if stage != "queued":
        worker.check()
    if stage == "ready_to_send":
        worker.write()

    jobs = worker.claim(stage, limit=20)

    of_small = [job for job in jobs if job["rule_id"] == small["id"]]
    assert len(of_small) == 5
    if stage != "ready_to_send":
        assert len(jobs) == 20, "what one leaves, the other gets"


def test_many_pages_are_one_owner(world, small):
    owner = world.user()
    for _ in range(8):
        queue(world, world.page(owner), 5)

    jobs = Worker(world.connection).claim("queued", limit=10)

    assert len(jobs) == 10
    assert sum(job["rule_id"] == small["id"] for job in jobs) >= 3  # of three owners' ten


def test_the_oldest_of_a_page_come_first(world, large):
    states = world.rows("select id from public.ai_automation_contact_states order by id desc")
    for place, state in enumerate(states):
        change(
            world, "ai_automation_contact_states", state, due_at=ago(minutes=len(states) - place)
        )

    jobs = Worker(world.connection).claim("queued", limit=7)

    assert [job["state_id"] for job in jobs] == [state["id"] for state in states[:7]]


def test_two_workers_at_once_share_what_there_is_without_waiting(world, database, large, small):
    with (
        psycopg.connect(database.dsn(), row_factory=dict_row) as one,
        psycopg.connect(database.dsn(), row_factory=dict_row) as two,
    ):
        for connection in (one, two):
            connection.execute("set lock_timeout = '1s'")
        claims = [Worker(connection).claim("queued", limit=40) for connection in (one, two)]

    taken = [job["state_id"] for jobs in claims for job in jobs]
    assert len(taken) == len(set(taken)) == 65


def test_two_workers_write_the_counts_of_one_automation_without_waiting(world, database, large):
    with (
        psycopg.connect(database.dsn(), row_factory=dict_row) as one,
        psycopg.connect(database.dsn(), row_factory=dict_row) as two,
    ):
        for connection in (one, two):
            connection.execute("set lock_timeout = '1s'")
            Worker(connection).claim("queued", limit=5)
        shards = [call(connection, "own_shard")[0]["own_shard"] for connection in (one, two)]

    assert shards[0] != shards[1]
    [stats] = world.rows("select queued, checking from public.automation_live_stats")
    assert (stats["queued"], stats["checking"]) == (50, 10)


def test_a_paused_page_keeps_its_contacts_and_holds_up_nobody(world, large, small):
    worker = Worker(world.connection)
    worker.check()
    change(world, "facebook_pages", {"id": large["page_id"]}, paused_until=ago(hours=-1))

    jobs = worker.claim("eligible", limit=20)

    assert {job["rule_id"] for job in jobs} == {small["id"]}
