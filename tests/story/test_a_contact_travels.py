"""This file is where a contact is followed from a file to each of its possible ends."""

from tests.builders import ago

TRAVELLED = ["queued", "checking", "eligible", "generating", "ready_to_send", "sending", "sent"]


def test_a_contact_from_a_file_is_written_to_once(story):
    story.call(
        "import_contacts",
        p_page_id=str(story.page["id"]),
        p_contacts=[
            {
                "line": 2,
                "sender_id": "5001000",
                "name": "Ελένη Νικολάου",
                "tags": "class; autumn",
                "time_zone": "Europe/Athens",
                "last_message_at": ago(hours=3).isoformat(),
            }
        ],
    )
    contact = story.world.rows("select * from public.contacts where sender_id = '5001000'")[0]

    assert story.run_now()["queued"] == 1
    story.turn("check", "write", "send")

    assert story.journey(contact) == TRAVELLED
    [message] = story.facebook.messages()
    state = story.state(contact)
    assert message["recipient_id"] == "5001000"
    assert message["text"] == state["generated_message"]
    assert state["follow_up_count"] == 1
    assert state["next_check_at"] is not None
    assert state["generation_time_ms"] is not None


def test_running_again_does_not_write_again(story):
    story.contact()
    story.run_now()
    story.turn("check", "write", "send")

    assert story.run_now()["queued"] == 0
    story.turn("check", "write", "send", "settle", "check", "write", "send")

    assert len(story.facebook.messages()) == 1


def test_the_counts_add_up_when_some_are_sent_some_skipped_and_one_fails(story):
    for _ in range(3):
        story.contact()
    story.contact(last_inbound_at=ago(hours=30))
    story.contact(sender_id="9000551")
    story.run_now()

    story.turn("check", "write", "send")

    snapshot = story.call("monitor_snapshot", p_rule_id=str(story.rule["id"]))
    run = snapshot["last_run"]
    assert (run["total"], run["sent"], run["skipped"], run["failed"]) == (5, 3, 1, 1)
    assert run["in_flight"] == 0
    assert run["finished_at"] is not None
    assert sum(card["contacts"] for card in snapshot["stages"]) == snapshot["totals"]["total"] == 5
    stats = story.user().table("automation_live_stats").select("*").execute().data[0]
    stages = [card["stage"] for card in snapshot["stages"]]
    assert sum(stats[stage] for stage in stages) == stats["total"] == 5
    assert (stats["sent"], stats["skipped"], stats["failed"]) == (3, 1, 1)


def test_a_failed_contact_says_what_to_do_and_can_be_retried(story):
    contact = story.contact(sender_id="9000551")
    story.run_now()
    story.turn("check", "write", "send")
    failed = story.state(contact)

    story.call("retry_contacts", p_state_ids=[failed["id"]])

    assert failed["current_stage"] == "failed"
    assert failed["error_code"]
    assert failed["error_message"]
    assert failed["error_hint"]
    assert failed["follow_up_count"] == 0
    assert story.stage_of(contact) == ("queued", None)


def test_a_contact_who_replied_while_the_ai_was_writing_is_not_sent_to(story):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")
    story.update("contacts", contact, last_inbound_at=ago(seconds=0))

    story.turn("send", "settle")

    assert story.stage_of(contact) == ("completed", "replied")
    assert story.facebook.messages() == []


def test_a_reply_after_the_message_ends_the_sequence(story):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write", "send")

    story.update("contacts", contact, last_inbound_at=ago(seconds=-1))

    assert story.stage_of(contact) == ("completed", "replied")


def test_a_contact_who_opted_out_is_skipped_and_then_over(story):
    contact = story.contact(opted_out_at=ago(days=1))
    story.run_now()
    story.turn("check")
    skipped = story.stage_of(contact)

    story.turn("settle")

    assert skipped == ("skipped", "opted_out")
    assert story.stage_of(contact) == ("completed", "opted_out")


def test_a_cancelled_contact_gets_nothing(story):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")

    story.call("cancel_contacts", p_state_ids=[story.state(contact)["id"]])
    story.turn("send")

    assert story.stage_of(contact) == ("skipped", "cancelled")
    assert story.facebook.messages() == []


def test_an_automation_switched_off_stops_what_is_in_flight(story):
    contact = story.contact()
    story.run_now()
    story.turn("check", "write")

    story.call("set_rule_enabled", p_rule_id=str(story.rule["id"]), p_enabled=False)
    story.turn("send")

    assert story.stage_of(contact) == ("skipped", "rule_disabled")
    assert story.facebook.messages() == []


def test_a_message_that_waits_for_review_goes_out_as_the_person_changed_it(story):
    story.update("ai_automation_rules", story.rule, review_before_send=True)
    contact = story.contact()
    story.run_now()
    story.turn("check", "write", "send")
    waiting = story.stage_of(contact)

    story.call("approve_message", p_state_id=story.state(contact)["id"], p_text="See you Saturday!")
    story.turn("send")

    assert waiting == ("ready_to_send", None)
    assert [message["text"] for message in story.facebook.messages()] == ["See you Saturday!"]
