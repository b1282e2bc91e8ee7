"""This file is where a contact that ends its worker is told from those who were only beside it."""

import pytest

from tests.database.acting import Worker, call, change, run_now


@pytest.fixture
def worker(world):
    """A worker, and five contacts that passed the checks."""
    page = world.page(world.user())
    rule = world.rule(page)
    for _ in range(5):
        world.contact(page)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    return worker


def stages(world):
    rows = world.rows(
        "select current_stage::text as stage, count(*) as contacts"
        " from public.ai_automation_contact_states group by 1"
    )
    return {row["stage"]: row["contacts"] for row in rows}


def test_only_who_ends_its_worker_alone_is_put_aside(world, worker):
    handed = worker.claim("eligible", limit=4, lease_seconds=0)
    poison = handed[2]["state_id"]
    hands = []
    for _ in range(12):
        call(world.connection, "reclaim_expired_leases")
        jobs = worker.claim("eligible", limit=4)
        if not jobs:
            # Who ended two workers has its last turn after all others, and not at once.
            waits = world.rows(
                "update public.ai_automation_contact_states set due_at = now()"
                " where due_at > now() + interval '5 seconds' returning id"
            )
            assert [row["id"] for row in waits] == [poison]
            continue
        hands.append([job["state_id"] for job in jobs])
        assert worker.claim("eligible", limit=4) == [], "beside a suspect nobody is taken"
        if poison in hands[-1]:
            world.rows(
                "update public.ai_automation_contact_states set lease_expires_at = now()"
                " where lease_owner = %s returning id",
                worker.name,
            )
            if len(hands) == len(handed) + 2:
                break
        else:
            worker.record(jobs, "ready_to_send", generated_message="See you?")
    call(world.connection, "reclaim_expired_leases")

    assert [len(hand) for hand in hands] == [1] * 6
    assert hands[-1] == [poison]
    assert sum(poison in hand for hand in hands) == 2
    assert stages(world) == {"ready_to_send": 4, "failed": 1}
    lost = world.rows("select times_lost from public.ai_automation_contact_states order by 1")
    assert [row["times_lost"] for row in lost] == [0, 0, 0, 0, 3]


def test_a_suspect_of_a_page_that_writes_nothing_waits_with_the_others(world, worker):
    worker.claim("eligible", limit=2, lease_seconds=0)
    call(world.connection, "reclaim_expired_leases")
    [page] = world.rows("select id from public.facebook_pages")

    change(world, "facebook_pages", page, paused_at="now")
    paused = worker.claim("eligible", limit=4)
    change(world, "facebook_pages", page, paused_at=None)
    worker.record(worker.claim("eligible", limit=4), "ready_to_send", generated_message="One")
    change(world, "facebook_pages", page, status="restricted")
    stopped = worker.claim("eligible", limit=4)

    assert (paused, stopped) == ([], [])
    assert stages(world) == {"eligible": 4, "ready_to_send": 1}


def test_a_worker_finishes_what_it_holds_before_it_takes_a_suspect(world, worker):
    worker.claim("eligible", limit=2, lease_seconds=0)
    other = Worker(world.connection, "worker-2")
    held = other.claim("eligible", limit=1)
    call(world.connection, "reclaim_expired_leases")

    while_busy = other.claim("eligible", limit=5)
    other.record(held, "ready_to_send", generated_message="See you?")
    [suspect] = other.claim("eligible", limit=5)

    assert while_busy == []
    assert len(worker.claim("eligible", limit=5)) == 1, "another worker takes the next one"
    assert suspect["state_id"] not in {job["state_id"] for job in held}
