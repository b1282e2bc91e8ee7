"""This file is where workers are late, stop, live on, and meet rows they cannot use."""

import asyncio
from datetime import timedelta

import pytest

from pipeline.looks import last_look
from pipeline.model import Advance
from pipeline.stages import Stage
from tests.builders import ago
from tests.running import PATIENCE
from tests.story.telling import Worker


def age_leases(story, seconds):
    """As if so much time had passed since leases were last renewed."""
    story.world.rows(
        "update public.ai_automation_contact_states"
        " set lease_expires_at = lease_expires_at - make_interval(secs => %s)"
        " where lease_expires_at is not null returning id",
        seconds,
    )


def written(story, people=1):
    """Contacts whose message is written."""
    contacts = [story.contact() for _ in range(people)]
    story.run_now()
    story.turn("check", "write")
    return contacts


def test_a_worker_that_slept_through_half_its_lease_does_not_send(story):
    [contact] = written(story)
    [job] = story.worker.run(story.worker.store.claim(Stage.READY_TO_SEND, 1))

    problem = story.worker.send_after(job, seconds=16)

    state = story.state(contact)
    assert problem is None
    assert (state["current_stage"], state["error_code"]) == ("ready_to_send", "lease_nearly_over")
    assert story.facebook.messages() == []


def test_a_worker_within_half_its_lease_sends(story):
    [contact] = written(story)
    [job] = story.worker.run(story.worker.store.claim(Stage.READY_TO_SEND, 1))

    assert story.worker.send_after(job, seconds=14) is None
    assert story.stage_of(contact) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def test_a_worker_that_wakes_up_after_another_took_over_sends_nothing(story, supabase, sandbox):
    [contact] = written(story)
    zombie = Worker(supabase, sandbox, "zombie")
    [job] = zombie.run(zombie.store.claim(Stage.READY_TO_SEND, 1))
    story.look_again(last_look(30))
    story.call("retry_contacts", p_state_ids=[story.state(contact)["id"]])
    story.turn("check", "write", "send")

    problem = zombie.send_after(job, seconds=31)
    zombie.close()

    assert problem == "not_held"
    assert story.stage_of(contact) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def test_a_lease_held_by_a_living_worker_that_beats_is_not_reclaimed(story, supabase, sandbox):
    contact = story.contact()
    story.run_now()
    story.turn("check")
    story.facebook.fault("google", "hang", times=1)
    other = Worker(supabase, sandbox, "other")

    async def write_slowly():
        await story.worker.turns.write()
        age_leases(story, 20)
        await story.worker.turns.beat()
        age_leases(story, 20)

    story.worker.run(write_slowly())
    other.turn("beat")
    held = story.stage_of(contact)
    age_leases(story, 20)
    other.turn("beat")
    other.close()

    assert held == ("generating", None)
    assert story.stage_of(contact) == ("eligible", None)


def test_one_row_that_cannot_be_read_stops_no_other(story):
    bad, good = story.contact(), story.contact()
    story.world.rows(
        "insert into public.contact_messages (user_id, contact_id, direction, body, said_at)"
        " values (%s, %s, 'in', 'Ave', '0044-03-15 BC') returning id",
        bad["user_id"],
        bad["id"],
    )
    story.run_now()

    story.turn("check", "write", "send")

    failed = story.state(bad)
    assert (failed["current_stage"], failed["error_code"]) == ("failed", "unexpected")
    assert story.stage_of(good) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def test_an_outcome_the_database_refuses_holds_up_no_other(story):
    first, second = story.contact(), story.contact()
    story.run_now()
    story.turn("check")
    jobs = story.worker.run(story.worker.store.claim(Stage.ELIGIBLE, 2))
    textless = Advance(Stage.READY_TO_SEND, {"generated_message": None})
    good = Advance(Stage.READY_TO_SEND, {"generated_message": "See you Saturday?"})

    problems = story.worker.run(story.worker.record((jobs[0], textless), (jobs[1], good)))

    stages = {story.state(contact)["current_stage"] for contact in (first, second)}
    assert problems == ["refused", None]
    assert stages == {"generating", "ready_to_send"}


def test_a_number_that_json_does_not_have_holds_up_no_other(story):
    [contact, _] = written(story, people=2)
    jobs = story.worker.run(story.worker.store.claim(Stage.READY_TO_SEND, 2))
    endless = Advance(Stage.SENT, {"facebook_message_id": "m_1", "after_seconds": float("inf")})
    good = Advance(Stage.SENT, {"facebook_message_id": "m_2"})
    by_contact = sorted(jobs, key=lambda job: job.state_id == story.state(contact)["id"])

    problems = story.worker.run(
        story.worker.record((by_contact[0], endless), (by_contact[1], good))
    )

    assert problems == ["refused", None]
    assert story.stage_of(contact) == ("sent", None)


def test_a_worker_told_to_stop_claims_nothing_more_and_finishes_what_is_in_hand(story):
    contacts = written(story, people=9)
    story.facebook.fault("facebook", "slow", times=6, seconds=0.5)
    turns = story.worker.turns

    async def stop_while_sending():
        sending = asyncio.ensure_future(turns.send())
        while not turns.sending.tasks:
            await asyncio.sleep(0)
        await turns.finish(within_seconds=PATIENCE)
        in_hand = len(turns.sending.tasks)
        await sending
        return in_hand

    in_hand = story.worker.run(stop_while_sending())
    story.turn("check", "write", "send")

    stages = [story.state(contact)["current_stage"] for contact in contacts]
    assert in_hand == 0
    assert sorted(stages) == ["ready_to_send"] * 3 + ["sent"] * 6
    assert len(story.facebook.messages()) == 6
    [worker] = story.world.rows("select * from public.ai_automation_workers")
    assert worker["stopped_at"] is not None


def test_a_claim_under_way_at_the_stop_is_still_finished(story):
    [contact] = written(story)
    turns = story.worker.turns

    async def stop_while_claiming():
        sending = asyncio.ensure_future(turns.send())
        await asyncio.sleep(0)
        await turns.finish(within_seconds=PATIENCE)
        await sending

    story.worker.run(stop_while_claiming())

    assert story.stage_of(contact) == ("sent", None)


def test_a_stopped_worker_checks_nothing(story):
    contact = story.contact()
    story.run_now()
    story.worker.run(story.worker.turns.finish(within_seconds=1))

    story.turn("check")

    assert story.stage_of(contact) == ("queued", None)
    assert story.state(contact)["due_at"] <= ago(seconds=0)


def test_what_a_stopping_worker_cannot_finish_is_given_up_at_once(story):
    contacts = [story.contact() for _ in range(2)]
    story.run_now()
    story.turn("check", "write")
    late = story.contact()
    story.run_now()
    story.turn("check")
    story.facebook.fault("facebook", "hang-after-accept", times=2)
    story.facebook.fault("google", "hang", times=1)
    turns = story.worker.turns

    async def stop_while_all_hangs():
        await asyncio.gather(turns.send(), turns.write())
        await turns.finish(within_seconds=0.3)

    story.worker.run(stop_while_all_hangs())

    given_up = story.state(late)
    assert (given_up["current_stage"], given_up["attempt"]) == ("eligible", 0)
    for contact in contacts:
        state = story.state(contact)
        assert (state["current_stage"], state["error_code"]) == ("sending", "outcome_unknown")
        assert state["lease_token"] is None
    assert len(story.facebook.messages()) == 2


@pytest.mark.parametrize(("hours", "stage"), [(0, "sending"), (2, "failed")])
def test_how_long_a_thread_is_asked_for_is_a_matter_of_the_databases_clock(story, hours, stage):
    [contact] = written(story)
    story.facebook.fault("facebook", "reset-after-accept", times=1)
    story.turn("send")
    age_leases(story, 31)
    story.facebook.fault("facebook", "bad-gateway", call="read", times=1)
    story.turn("beat")
    clock = story.worker.store.clock
    clock.hear(clock.now() + timedelta(hours=hours))

    story.turn("settle")

    [database] = story.world.rows("select now() as now")
    ahead = clock.now() - timedelta(hours=hours) - database["now"]
    assert abs(ahead) < timedelta(seconds=30)
    assert story.stage_of(contact)[0] == stage


def test_what_the_database_never_takes_is_a_failure_at_once_and_paid_for_once(story):
    """Its worker lives on, so it would be written to for ever."""
    [bad, good] = [story.contact(), story.contact()]
    story.run_now()
    story.turn("check")

    async def write(job):
        text = "x" * (20_001 if job.sender_id == bad["sender_id"] else 100)
        return Advance(Stage.READY_TO_SEND, {"generated_message": text})

    async def write_both():
        for job in await story.worker.store.claim(Stage.ELIGIBLE, 2):
            await story.worker.turns._run(write, job)

    story.worker.run(write_both())

    state = story.state(bad)
    assert (state["current_stage"], state["error_code"]) == ("failed", "unexpected")
    assert story.stage_of(good) == ("ready_to_send", None)


def test_a_window_that_closes_between_the_claim_and_the_call_is_the_rules_matter(story):
    [contact] = written(story)
    [job] = story.worker.run(story.worker.store.claim(Stage.READY_TO_SEND, 1))
    clock = story.worker.store.clock
    clock.hear(job.window_closes_at + timedelta(seconds=1))

    story.worker.send_after(job, seconds=1)
    given_back = story.stage_of(contact)
    story.update("contacts", contact, last_inbound_at=ago(hours=25))
    story.world.rows("update public.ai_automation_contact_states set due_at = now() returning id")
    story.turn("send")

    assert given_back == ("ready_to_send", None)
    assert story.stage_of(contact) == ("skipped", "window_closed")
    assert story.facebook.messages() == []
