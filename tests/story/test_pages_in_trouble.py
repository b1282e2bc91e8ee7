"""This file is where Facebook stops or slows a page, and nobody on it is failed or forgotten."""

from datetime import timedelta

import pytest

from pipeline.looks import last_look
from pipeline.stages import Stage
from tests.builders import ago
from tests.story.telling import Worker


def written(story, people):
    """Contacts whose message is written."""
    contacts = [story.contact() for _ in range(people)]
    story.run_now()
    story.turn("check", "write")
    return contacts


def page(story):
    [row] = story.world.rows("select * from public.facebook_pages where id = %s", story.page["id"])
    return row


def alerts(story):
    return [
        row["action"]
        for row in story.world.rows(
            "select action from public.ai_automation_audit where page_id = %s order by id",
            story.page["id"],
        )
    ]


def skip_ahead(story):
    """As if the page's pause were over, and everybody's own wait."""
    story.update("facebook_pages", story.page, paused_until=ago(seconds=1))
    story.world.rows(
        "update public.ai_automation_contact_states set due_at = now() - interval '1 second'"
        " returning id"
    )
    age(story, "2 minutes")
    story.worker.forget()


@pytest.mark.parametrize(
    ("kind", "status"), [("token-expired", "token_invalid"), ("page-restricted", "restricted")]
)
def test_a_page_that_is_stopped_gives_one_alert_and_fails_nobody(story, kind, status):
    contacts = written(story, 4)
    story.facebook.fault("facebook", kind, times=100)

    story.turn("send", "send")

    assert page(story)["status"] == status
    assert page(story)["paused_until"] > ago(minutes=-29)
    assert alerts(story) == ["page_paused"]
    assert {story.stage_of(contact) for contact in contacts} == {("ready_to_send", None)}
    assert {story.state(contact)["attempt"] for contact in contacts} == {0}


def test_a_page_that_may_lack_a_permission_is_stopped_and_what_it_tried_is_settled(story):
    contacts = written(story, 4)
    story.update("facebook_pages", story.page, sends_per_minute=1)
    story.facebook.fault("facebook", "maybe-permission", times=100)

    story.turn("send", "send")
    stopped = page(story)["status"]
    story.look_again(last_look(30))

    assert stopped == "restricted"
    assert alerts(story) == ["page_paused"]
    assert sorted(story.state(contact)["current_stage"] for contact in contacts) == [
        "failed",
        *["ready_to_send"] * 3,
    ]
    assert {story.state(contact)["error_code"] for contact in contacts} == {None, "outcome_unknown"}


def test_a_stopped_page_is_tried_with_one_message_and_later_each_time(story):
    written(story, 3)
    story.facebook.fault("facebook", "page-restricted", times=100)
    story.turn("send")
    waits = []
    for _ in range(5):
        before = tries(story)
        skip_ahead(story)
        story.turn("send", "send")
        assert tries(story) == before + 1
        waits.append(page(story)["paused_until"] - ago(seconds=0))

    hours = [round(wait / timedelta(hours=1), 1) for wait in waits]
    assert hours == [1, 2, 4, 4, 4]
    assert alerts(story) == ["page_paused"]


def tries(story):
    [row] = story.world.rows("select count(*) as tries from public.ai_automation_attempts")
    return row["tries"]


def test_a_page_whose_test_message_arrives_goes_on_by_itself(story):
    contacts = written(story, 3)
    story.facebook.fault("facebook", "page-restricted", times=3)
    story.turn("send")

    skip_ahead(story)
    story.turn("send")
    first = len(story.facebook.messages())
    age(story, "2 minutes")
    story.turn("send")

    assert first == 1
    assert page(story)["status"] == "active"
    assert page(story)["setbacks"] == 0
    assert alerts(story) == ["page_paused", "page_resumed"]
    assert {story.stage_of(contact) for contact in contacts} == {("sent", None)}


def test_waiting_for_a_page_uses_up_no_tries(story):
    [contact] = written(story, 1)
    story.facebook.fault("facebook", "rate-limit", times=9)
    for _ in range(9):
        story.turn("send")
        skip_ahead(story)
    story.turn("send")

    assert story.stage_of(contact) == ("sent", None)
    assert story.state(contact)["attempt"] == 0


def test_a_page_that_is_too_fast_waits_longer_each_time(story):
    written(story, 1)
    story.facebook.fault("facebook", "rate-limit", times=9)
    waits = []
    for _ in range(3):
        story.turn("send")
        waits.append(round((page(story)["paused_until"] - ago(seconds=0)) / timedelta(seconds=15)))
        skip_ahead(story)

    assert waits == [1, 2, 4]


def test_a_page_near_its_limits_pauses_as_asked_and_one_over_three_quarters_slows_down(story):
    written(story, 1)
    story.facebook.fault("facebook", "usage-high", times=1)

    story.turn("send")

    paused = page(story)
    assert paused["paused_until"] > ago(minutes=-9)
    assert paused["usage_percent"] == 96
    shares = {
        usage: story.world.rows("select public.rate_share(%s, now()) as share", usage)[0]["share"]
        for usage in (0, 74, 85, 94)
    }
    assert shares == {0: 1, 74: 1, 85: 0.5, 94: 0.1}


def test_a_new_token_lets_the_page_send_at_once(story):
    [contact] = written(story, 1)
    story.facebook.fault("facebook", "token-invalid", times=1)
    story.turn("send")

    sealed = story.world.rows(
        "select encrypted_token from public.facebook_page_secrets where page_id = %s",
        story.page["id"],
    )[0]["encrypted_token"]
    story.call("save_page_token", p_page_id=str(story.page["id"]), p_encrypted_token=sealed)
    story.world.rows("update public.ai_automation_contact_states set due_at = now() returning id")
    age(story, "2 minutes")
    story.turn("send")

    assert story.stage_of(contact) == ("sent", None)


def test_a_page_never_sends_faster_than_its_rate_in_a_second_nor_in_a_minute(story):
    story.update("facebook_pages", story.page, sends_per_minute=3)
    contacts = written(story, 5)

    sent = []
    for _ in range(5):
        story.turn("send", "send")
        sent.append(len(story.facebook.messages()))
        age(story, "2 seconds")
    age(story, "1 minute")
    story.turn("send")

    assert sent == [1, 2, 3, 3, 3]
    assert len(story.facebook.messages()) == 4
    assert sum(story.stage_of(contact)[0] == "ready_to_send" for contact in contacts) == 1


def age(story, interval):
    """As if tries had been made so much earlier."""
    story.world.rows(
        "update public.ai_automation_attempts set started_at = started_at - span,"
        " finished_at = finished_at - span from (select %s::interval as span) as i returning id",
        interval,
    )


def test_a_call_that_takes_long_keeps_its_place_in_the_pages_rate(story, supabase, sandbox):
    """A slow worker's message may reach Facebook late, in the same second as another's."""
    story.update("facebook_pages", story.page, sends_per_minute=60)
    written(story, 3)
    slow, other = Worker(supabase, sandbox, "slow"), Worker(supabase, sandbox, "other")
    [job] = slow.run(slow.store.claim(Stage.READY_TO_SEND, 5))
    age_claim(story, "5 seconds")
    meanwhile = other.run(other.store.claim(Stage.READY_TO_SEND, 5))
    slow.send_after(job, seconds=5)
    at_once = other.run(other.store.claim(Stage.READY_TO_SEND, 5))
    age(story, "2 seconds")
    later = other.run(other.store.claim(Stage.READY_TO_SEND, 5))
    for worker in (slow, other):
        worker.close()

    assert (meanwhile, at_once) == ([], [])
    assert len(later) == 1


def age_claim(story, interval):
    """As if what is in hand had been claimed so much earlier."""
    age(story, interval)
    story.world.rows(
        "update public.ai_automation_contact_states"
        " set attempt_started_at = attempt_started_at - %s::interval"
        " where current_stage = 'sending' returning id",
        interval,
    )


def test_what_waits_for_a_stopped_page_waits_until_its_window_closes(story):
    late, other = written(story, 2)
    story.facebook.fault("facebook", "token-expired", times=100)
    story.turn("send")
    story.update("contacts", late, last_inbound_at=ago(hours=24))

    story.turn("maintain")

    assert story.stage_of(late) == ("skipped", "window_closed")
    assert story.stage_of(other) == ("ready_to_send", None)
