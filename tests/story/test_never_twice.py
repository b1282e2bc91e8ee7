"""This file is where workers die, providers lie, and still no message goes out twice."""

import pytest

from pipeline.looks import last_look
from pipeline.stages import Stage
from tests.builders import ago
from tests.story.telling import Worker

LAST = last_look(30)


def expire_leases(story):
    """As if the worker had been silent for longer than a lease lasts."""
    story.world.rows(
        "update public.ai_automation_contact_states"
        " set lease_expires_at = now() - interval '1 second'"
        " where lease_expires_at is not null returning id"
    )


def test_two_workers_never_share_a_contact(story, supabase, sandbox):
    for _ in range(20):
        story.contact()
    story.run_now()
    story.turn("check")
    second = Worker(supabase, sandbox, "worker-2")

    first_half = story.worker.run(story.worker.store.claim(Stage.ELIGIBLE, 10))
    other_half = second.run(second.store.claim(Stage.ELIGIBLE, 20))
    second.close()

    ids = [job.state_id for job in first_half + other_half]
    assert len(ids) == len(set(ids)) == 20


@pytest.mark.parametrize("kind", ["accept-then-error", "reset-after-accept", "accept-then-garbage"])
def test_a_message_that_arrived_although_facebook_said_otherwise_is_found_in_the_thread(
    story, kind
):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")
    story.facebook.fault("facebook", kind, times=1)
    story.turn("send")
    unsure = story.stage_of(contact)

    expire_leases(story)
    story.turn("settle", "send", "check", "write", "send")

    assert unsure == ("sending", None)
    assert story.stage_of(contact) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def send_these_words(story, rule, fault=None):
    """Whatever was written, this is what goes out; then nobody knows more than the thread says."""
    story.turn("check", "write")
    story.world.rows(
        "update public.ai_automation_contact_states set generated_message = 'See you?'"
        " where rule_id = %s returning id",
        rule["id"],
    )
    if fault:
        story.facebook.fault("facebook", fault, times=1)
    story.turn("send")
    story.look_again(LAST)
    [state] = story.world.rows(
        "select * from public.ai_automation_contact_states where rule_id = %s", rule["id"]
    )
    return state


def test_the_same_words_of_another_automation_do_not_answer_for_a_message(story):
    story.contact()
    other = story.world.rule(story.page, wait_minutes=0)
    story.run_now()
    send_these_words(story, story.rule)
    story.call("request_run", p_rule_id=str(other["id"]))

    lost = send_these_words(story, other, "reset-before")

    assert (lost["current_stage"], lost["error_code"]) == ("failed", "outcome_unknown")
    assert len(story.facebook.messages()) == 1
    # Sent again by a person it arrives: now there are two, and the second is its.
    story.call("retry_contacts", p_state_ids=[lost["id"]])
    assert send_these_words(story, other, "accept-then-error")["current_stage"] == "sent"
    ids = story.world.rows(
        "select facebook_message_id as id from public.ai_automation_attempts where outcome = 'sent'"
    )
    assert len(story.facebook.messages()) == 2
    assert len({row["id"] for row in ids}) == len(ids) == 2


def test_a_message_of_which_nothing_is_known_is_never_sent_again_by_itself(story):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")
    story.facebook.fault("facebook", "reset-before", times=1)
    story.turn("send")

    for age in (15, 30, 50, LAST):
        waiting = story.stage_of(contact)[0]
        story.look_again(age)
        story.turn("check", "write", "send")

    state = story.state(contact)
    assert waiting == "sending"
    assert (state["current_stage"], state["error_code"]) == ("failed", "outcome_unknown")
    assert state["error_hint"]
    assert story.facebook.messages() == []


def test_a_person_may_send_again_what_nobody_knows_about(story):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")
    story.facebook.fault("facebook", "reset-before", times=1)
    story.turn("send")
    story.look_again(LAST)

    story.call("retry_contacts", p_state_ids=[story.state(contact)["id"]])
    story.turn("check", "write", "send")

    assert story.stage_of(contact) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def test_a_worker_that_died_while_writing_loses_nothing(story, supabase, sandbox):
    contact = story.contact()
    story.run_now()
    story.turn("check")
    dead = Worker(supabase, sandbox, "dead")
    dead.run(dead.store.claim(Stage.ELIGIBLE, 1))
    dead.close()
    expire_leases(story)

    story.turn("beat", "write", "send")

    assert story.stage_of(contact) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def test_a_worker_that_died_while_sending_is_settled_not_repeated(story, supabase, sandbox):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")
    dead = Worker(supabase, sandbox, "dead")
    [job] = dead.run(dead.store.claim(Stage.READY_TO_SEND, 1))
    dead.send_and_die(job)
    expire_leases(story)

    story.turn("beat", "send", "settle")

    assert story.stage_of(contact) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def test_a_worker_that_wakes_up_after_its_lease_changes_nothing(story, supabase, sandbox):
    story.contact()
    story.run_now()
    story.turn("check")
    zombie = Worker(supabase, sandbox, "zombie")
    [job] = zombie.run(zombie.store.claim(Stage.ELIGIBLE, 1))
    expire_leases(story)
    story.turn("beat", "write", "send")

    [answer] = zombie.run(
        zombie.store.record(
            [
                {
                    "state_id": job.state_id,
                    "lease_token": job.lease_token,
                    "from_stage": "generating",
                    "to_stage": "ready_to_send",
                    "generated_message": "from the grave",
                }
            ]
        )
    )
    zombie.close()

    assert answer == {"state_id": job.state_id, "recorded": False, "problem": "not_held"}
    assert len(story.facebook.messages()) == 1


def test_a_contact_that_kills_three_workers_is_put_aside(story):
    contact = story.contact()
    story.run_now()
    story.turn("check")
    story.turn("beat")
    story.world.rows(
        "update public.ai_automation_workers set started_at = now() - interval '1 minute'"
        " returning 1"
    )

    for _ in range(3):
        story.worker.run(story.worker.store.claim(Stage.ELIGIBLE, 1))
        expire_leases(story)
        story.worker.run(story.worker.store.reclaim())
        # The last turn comes after a while.
        story.world.rows(
            "update public.ai_automation_contact_states set due_at = now() returning 1"
        )

    state = story.state(contact)
    assert (state["current_stage"], state["error_code"]) == ("failed", "worker_lost")


def test_a_rate_limit_is_waited_for_and_uses_up_no_follow_up(story):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")
    story.facebook.fault("facebook", "rate-limit", times=1)

    story.turn("send")

    state = story.state(contact)
    assert state["current_stage"] == "ready_to_send"
    assert state["due_at"] > ago(seconds=0)
    assert state["follow_up_count"] == 0


def test_while_facebook_asks_the_page_to_wait_written_messages_wait_too(story):
    contacts = [story.contact(), story.contact()]
    story.run_now()
    story.turn("check", "write")
    story.update("facebook_pages", story.page, paused_until=ago(minutes=-5))
    story.turn("send")
    waiting = [story.stage_of(contact) for contact in contacts]

    story.update("facebook_pages", story.page, paused_until=ago(seconds=1))
    story.turn("send")

    assert waiting == [("ready_to_send", None)] * 2
    assert len(story.facebook.messages()) == 2
