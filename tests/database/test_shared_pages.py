"""This file is where owners who connected one Facebook page send at one rate, not at one each."""

import pytest

from tests.builders import ago
from tests.database.acting import Worker, change, run_now

RATES = (600, 300)


@pytest.fixture
def pages(world):
    """Two owners' rows of one page, ten messages written in each."""
    first = world.page(world.user(), sends_per_minute=RATES[0])
    twin = world.page(
        world.user(), sends_per_minute=RATES[1], facebook_page_id=first["facebook_page_id"]
    )
    for page in (first, twin):
        for _ in range(10):
            world.contact(page)
        run_now(world, world.rule(page))
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    return first, twin


def later(world, seconds):
    """All that was begun was answered, so many seconds ago."""
    world.rows(
        "update public.ai_automation_attempts set outcome = 'sent',"
        " started_at = started_at - make_interval(secs => %s),"
        " finished_at = now() - make_interval(secs => %s) returning 1",
        *(seconds, seconds),
    )


def test_all_owners_of_a_page_together_keep_the_slowest_rate_in_every_second(world, pages):
    worker = Worker(world.connection)

    at_once = worker.claim("ready_to_send")
    nothing_more = worker.claim("ready_to_send")
    later(world, 2)
    a_second_later = worker.claim("ready_to_send")

    # 300 a minute are five a second, whoever of both takes them.
    assert (len(at_once), nothing_more, len(a_second_later)) == (5, [], 5)


def test_two_workers_share_it_also_when_each_has_the_row_of_another_owner(world, second, pages):
    with world.connection.transaction():
        taken = Worker(world.connection).claim("ready_to_send", limit=3)
        beside_it = Worker(second.connection, "worker-2").claim("ready_to_send")
    afterwards = Worker(second.connection, "worker-2").claim("ready_to_send")

    assert taken
    assert (beside_it, len(taken) + len(afterwards)) == ([], 5)


def test_a_disconnected_row_asks_for_nothing_and_a_used_up_limit_counts_for_all(world, pages):
    first, twin = pages
    change(world, "facebook_pages", twin, disconnected_at=ago())
    change(world, "facebook_pages", twin, sends_per_minute=1)

    [row] = world.rows("select public.page_room(%s) as room", first["id"])
    change(world, "facebook_pages", twin, disconnected_at=None, sends_per_minute=600)
    change(world, "facebook_pages", twin, usage_percent=85, usage_at=ago())
    [slowed] = world.rows("select public.page_room(%s) as room", first["id"])

    assert (row["room"], slowed["room"]) == (10, 5), "Facebook counts what its page has left"


def test_who_only_names_a_page_has_no_part_in_its_rate(world, pages):
    first, _ = pages
    named = world.page(
        world.user(),
        sends_per_minute=1,
        facebook_page_id=first["facebook_page_id"],
        proven_at=None,
    )
    world.contact(named)
    run_now(world, world.rule(named))
    worker = Worker(world.connection)
    worker.check()
    worker.write()

    handed = worker.claim("ready_to_send")

    ids = {job["state_id"] for job in handed}
    [mine] = world.rows(
        "select count(*) from public.ai_automation_contact_states"
        " where id = any(%s) and page_id = %s",
        list(ids),
        named["id"],
    )
    assert (len(ids), mine["count"]) == (6, 1), "five of the page's owners, one of the stranger's"
