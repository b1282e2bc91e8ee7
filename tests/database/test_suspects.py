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
    worker.has_worked_for(minutes=1)
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


def lose(world, worker, times):
    """One contact ends so many workers in a row; who it is."""
    [job] = worker.claim("eligible", limit=1, lease_seconds=0)
    for _ in range(times - 1):
        call(world.connection, "reclaim_expired_leases")
        world.rows(
            "update public.ai_automation_contact_states set due_at = now()"
            " where id = %s returning id",
            job["state_id"],
        )
        assert worker.claim("eligible", limit=1, lease_seconds=0)[0]["state_id"] == job["state_id"]
    call(world.connection, "reclaim_expired_leases")
    return job["state_id"]


def state_of(world, state_id):
    [state] = world.rows(
        "update public.ai_automation_contact_states set due_at = now() where id = %s returning *",
        state_id,
    )
    return state


def test_the_last_turn_is_with_a_worker_that_has_lived_and_does_nothing_else(world, worker):
    worker.write(limit=1)
    suspect = lose(world, worker, 2)
    assert state_of(world, suspect)["times_lost"] == 2
    young = Worker(world.connection, "worker-2")

    unheard_of = young.claim("eligible", limit=1)
    young.has_worked_for(minutes=0)
    too_young = young.claim("eligible", limit=1)
    young.record(unheard_of + too_young, "ready_to_send", generated_message="See you?")
    young.has_worked_for(minutes=1)
    last_turn = young.claim("eligible", limit=5)
    beside_it = young.claim("ready_to_send", limit=5)
    by_another = worker.claim("ready_to_send", limit=1)
    world.rows(
        "update public.ai_automation_contact_states"
        " set stage_entered_at = now() - interval '11 seconds' where id = %s returning id",
        suspect,
    )
    while_the_ai_hangs = young.claim("ready_to_send", limit=1)

    assert suspect not in {job["state_id"] for job in unheard_of + too_young}
    assert [job["state_id"] for job in last_turn] == [suspect]
    assert beside_it == []
    assert (len(by_another), len(while_the_ai_hangs)) == (1, 1)


def test_whose_claim_was_answered_into_a_broken_line_is_no_suspect(world, worker):
    """The worker never heard of them, and lives; another one died."""
    dead = Worker(world.connection, "worker-2")
    dead.has_worked_for(minutes=1)
    [held] = dead.claim("eligible", limit=1, lease_seconds=0)
    [unheard] = worker.claim("eligible", limit=1, lease_seconds=0)
    beat = {"p_version": "", "p_doing": "", "p_held": [], "p_lease_seconds": 30}
    call(world.connection, "beat", p_worker=worker.name, **beat)
    call(world.connection, "reclaim_expired_leases")

    assert state_of(world, unheard["state_id"])["times_lost"] == 0
    assert state_of(world, held["state_id"])["times_lost"] == 1


@pytest.mark.parametrize("code", ["provider_away", "many_retries", "worker_stopped"])
def test_who_was_given_back_untouched_is_as_suspect_as_before(world, worker, code):
    suspect = lose(world, worker, 2)
    state_of(world, suspect)

    worker.record(worker.claim("eligible", limit=5), "eligible", error_code=code)
    untouched = state_of(world, suspect)
    worker.record(worker.claim("eligible", limit=5), "eligible", error_code="ai_unavailable")
    touched = state_of(world, suspect)

    assert (untouched["times_lost"], touched["times_lost"]) == (2, 0)


def being_sent(world, worker):
    """Five messages under way at Facebook."""
    worker.write()
    return [job["state_id"] for job in worker.claim("ready_to_send")]


def all_die(world):
    """Every worker stops without a word, and the leases of what it held run out."""
    world.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now()"
        " where lease_token is not null returning id"
    )


def test_who_ends_its_workers_while_it_is_settled_is_looked_for_alone_and_put_aside(world, worker):
    ids = being_sent(world, worker)
    all_die(world)
    together = worker.claim("sending")
    worker.record(together[1:], "sent", attempt_outcome="sent")
    all_die(world)

    too_young = Worker(world.connection, "worker-2").claim("sending")
    [alone] = worker.claim("sending")
    beside_it = worker.claim("sending")
    all_die(world)
    afterwards = worker.claim("sending")

    [over] = world.rows(
        "select s.current_stage::text as stage, s.error_code,"
        " s.quota_day is not null as is_counted,"
        " a.outcome, a.finished_at is not null as is_finished"
        " from public.ai_automation_contact_states as s"
        " inner join public.ai_automation_attempts as a on a.id = s.attempt_id where s.id = %s",
        alone["state_id"],
    )
    assert sorted(job["state_id"] for job in together) == sorted(ids)
    assert (too_young, beside_it, afterwards) == ([], [], [])
    assert alone["state_id"] == together[0]["state_id"]
    assert over == {
        "stage": "failed",
        "error_code": "outcome_unknown",
        "is_counted": True,
        "outcome": "unknown",
        "is_finished": True,
    }
    assert stages(world) == {"sent": 4, "failed": 1}


def test_a_thread_that_cannot_be_read_blames_nobody_and_a_living_worker_never_had_it(world, worker):
    being_sent(world, worker)
    for _ in range(4):
        all_die(world)
        held = worker.claim("sending")
        worker.record(
            held,
            "sending",
            attempt_outcome="unknown",
            error_code="outcome_unknown",
            after_seconds=0,
        )
    worker.claim("sending")
    worker.has_worked_for(minutes=0)
    world.rows(
        "update public.ai_automation_workers set beat_at = now() + interval '1 minute' returning 1"
    )
    all_die(world)
    worker.claim("sending")

    rows = world.rows("select distinct times_lost from public.ai_automation_contact_states")
    assert [row["times_lost"] for row in rows] == [0]


def test_a_message_that_took_several_tries_to_write_is_sent_for_the_first_time(world, worker):
    away = {"error_code": "ai_unavailable", "after_seconds": 0}
    worker.record(worker.claim("eligible"), "eligible", **away)
    again = worker.claim("eligible")
    worker.record(again, "ready_to_send", generated_message="See you?")

    first = worker.claim("ready_to_send")
    refused = {"attempt_outcome": "retry", "error_code": "facebook_away", "after_seconds": 0}
    worker.record(first, "ready_to_send", **refused)
    repeated = worker.claim("ready_to_send")

    tries = [{job["attempt"] for job in jobs} for jobs in (again, first, repeated)]
    assert tries == [{1}, {0}, {2}]
