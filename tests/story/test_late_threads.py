"""This file is where conversations show a message late, or never, and nobody gets it twice."""

import pytest

from pipeline.looks import last_look
from pipeline.stages import Stage
from pipeline.steps.settle import NOT_FOUND
from tests.builders import ago
from tests.story.telling import Worker

LAST = last_look(30)
STORED_TRIES = (
    "select outcome, facebook_message_id as mid from public.ai_automation_attempts"
    " where state_id = %s order by started_at"
)


def unclear(story, kind="reset-after-accept"):
    """A contact of whose message nobody knows whether it went out."""
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")
    story.facebook.fault("facebook", kind, times=1)
    story.turn("send")
    return contact


def hide(story):
    """From now on the conversation shows nothing of the last hour."""
    story.facebook.fault("facebook", "late-thread", call="read", times=1000, seconds=3600)


def tries(story, contact):
    return [
        tuple(row.values()) for row in story.world.rows(STORED_TRIES, story.state(contact)["id"])
    ]


def test_a_message_that_is_shown_late_is_sent_once_and_followed_up(story):
    story.update("ai_automation_rules", story.rule, max_follow_ups=2)
    contact = unclear(story)
    hide(story)
    story.look_again(15)
    waiting = story.state(contact)
    story.facebook.reset()

    story.look_again(30)

    [message] = story.facebook.messages()
    assert (waiting["current_stage"], waiting["lease_token"]) == ("sending", None)
    assert tries(story, contact) == [("sent", message["message_id"])]
    found = story.state(contact)
    assert (found["current_stage"], found["follow_up_count"]) == ("sent", 1)
    assert found["error_code"] is None
    before = {"last_sent_at": ago(minutes=90), "next_check_at": ago()}
    story.update("ai_automation_contact_states", found, **before)
    story.update("contacts", contact, last_outbound_at=ago(minutes=90))
    story.update("ai_automation_rules", story.rule, next_run_at=ago())
    story.turn("plan", "check", "write", "send")
    assert story.state(contact)["follow_up_count"] == 2
    assert len(story.facebook.messages()) == 2


def test_while_it_waits_the_monitor_says_for_what_and_until_when(story):
    contact = unclear(story)
    hide(story)
    story.look_again(15)

    [row] = story.call("monitor_snapshot", p_rule_id=str(story.rule["id"]))["contacts"]
    state = story.state(contact)

    assert (row["stage"], row["lost"]) == ("sending", False)
    assert "not there so far" in row["error_message"]
    assert "until 90 s after the call" in row["error_hint"]
    [shown] = story.world.rows("select %s::timestamptz as at", row["next_check_at"])
    assert shown["at"] == state["lease_expires_at"]
    [wait] = story.world.rows(
        "select extract(epoch from lease_expires_at - updated_at) as seconds"
        " from public.ai_automation_contact_states"
    )
    # The next look, or the one after it where this one took long.
    assert 0 < wait["seconds"] <= 35
    assert story.worker.turns.settling.tasks == {}


def test_what_is_never_shown_fails_once_after_the_last_look(story):
    contact = unclear(story)
    hide(story)

    stages = []
    for age in (15, 30, 50, LAST):
        story.look_again(age)
        stages.append(story.stage_of(contact)[0])
    story.look_again(LAST + 60)
    story.turn("plan", "check", "write", "send", "settle")

    assert stages == ["sending", "sending", "sending", "failed"]
    assert story.state(contact)["error_code"] == "outcome_unknown"
    assert story.journey(contact)[-2:] == ["sending", "failed"]
    assert tries(story, contact) == [("unknown", None)]
    assert len(story.facebook.messages()) == 1


def test_a_worker_that_ends_between_two_looks_begins_nothing_anew(story, supabase, sandbox):
    contact = unclear(story)
    hide(story)
    story.look_again(15)
    story.world.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now() returning id"
    )
    dead = Worker(supabase, sandbox, "dead")
    assert len(dead.run(dead.store.claim(Stage.SENDING, 1))) == 1
    dead.close()
    held = story.stage_of(contact)[0]

    story.look_again(LAST)

    assert held == "sending"
    assert story.state(contact)["error_code"] == "outcome_unknown"
    assert story.stage_of(contact)[0] == "failed"
    assert len(story.facebook.messages()) == 1


@pytest.mark.parametrize("is_back", [True, False])
def test_a_token_that_dies_between_two_looks_hides_nothing(story, is_back):
    contact = unclear(story)
    hide(story)
    story.look_again(15)
    story.facebook.reset()
    story.facebook.fault("facebook", "token-expired", call="read", times=1 if is_back else 100)

    story.look_again(LAST)
    unread = story.state(contact)
    story.look_again(LAST + 60 if is_back else 3700)

    state = story.state(contact)
    assert unread["current_stage"] == "sending"
    assert "cannot be read" in unread["error_message"]
    ends = ("sent", None) if is_back else ("failed", "outcome_unknown")
    assert (state["current_stage"], state["error_code"]) == ends
    assert len(story.facebook.messages()) == 1


def test_a_page_that_is_disconnected_between_two_looks_leaves_it_unknown(story):
    contact = unclear(story)
    hide(story)
    story.look_again(15)
    story.call("disconnect_page", p_page_id=str(story.page["id"]))

    story.look_again(LAST)
    unread = story.stage_of(contact)[0]
    story.look_again(3700)

    assert unread == "sending"
    assert story.state(contact)["error_code"] == "outcome_unknown"
    assert len(story.facebook.messages()) == 1


def test_between_two_looks_a_contact_can_be_deleted_and_is_not_looked_for(story):
    contact = unclear(story)
    hide(story)
    story.look_again(15)

    story.call("delete_contact", p_contact_id=str(contact["id"]))
    story.look_again(LAST)

    assert story.world.rows("select id from public.contacts") == []
    assert [fault["times"] for fault in story.facebook.faults()] == [999]
    assert len(story.facebook.messages()) == 1


def test_a_worker_of_before_may_look_in_between_and_believes_its_one_look(story, supabase, sandbox):
    first, second = unclear(story), unclear(story)
    hide(story)
    story.look_again(15)
    for contact in (first, second):
        story.update("ai_automation_contact_states", story.state(contact), lease_expires_at=ago())
    before = Worker(supabase, sandbox, "before")
    [job] = before.run(before.store.claim(Stage.SENDING, 1))
    assert before.run(before.record((job, NOT_FOUND))) == [None]
    before.close()
    story.facebook.reset()

    story.look_again(30)

    stages = sorted(story.stage_of(contact)[0] for contact in (first, second))
    assert stages == ["failed", "sent"]
    assert len(story.facebook.messages()) == 2


def test_a_worker_that_has_not_heard_the_database_yet_asks_it_how_old_a_try_is(story):
    contact = unclear(story)
    hide(story)
    story.world.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now() returning id"
    )
    clock = story.worker.store.clock
    assert not clock.is_known

    story.turn("settle")

    assert clock.is_known
    assert story.stage_of(contact)[0] == "sending"
