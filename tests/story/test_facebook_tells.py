"""This file is where Facebook tells what happens: the sandbox, the receiver, the worker at work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.mover import Mover
from api.receiver import create_receiver
from api.spool import Spool
from api.tally import Tally
from local.sandbox.serve import serve_sandbox
from local.sandbox.server import SandboxConfig
from pipeline.clients import service_client
from pipeline.inbox import Inbox
from pipeline.settings import Settings
from pipeline.stages import Stage
from pipeline.vault import Vault
from tests.builders import World, ago
from tests.ports import free_port
from tests.receiver.telling import signed_request
from tests.running import PATIENCE, serving, until
from tests.story.telling import KEY, Story, Worker

SECRET = "the app's secret"


class Telling(Story):
    """A story in which Facebook tells the receiver what happens."""

    receiver_url = ""

    def history(self) -> list[dict[str, Any]]:
        """What the history page shows, oldest first."""
        asked = self.user().table("automation_history").select("*").order("started_at")
        return list(asked.execute().data)

    def write(self, contact: dict[str, Any], text: str) -> None:
        """The contact writes."""
        self.facebook.reply(self.page["facebook_page_id"], contact["sender_id"], text)

    def until_stage(self, contact: dict[str, Any], *wanted: str | None) -> None:
        """Waits until the contact is there."""
        until(lambda: self.stage_of(contact) == wanted, why=lambda: str(self.stage_of(contact)))

    def messages_to(self, contact: dict[str, Any]) -> list[str]:
        """What Facebook has for them."""
        return [row["text"] for row in self.facebook.messages(recipient_id=contact["sender_id"])]


@pytest.fixture
def story(world: World, supabase: Any, tmp_path: Path) -> Iterator[Telling]:
    """One owner, with a receiver that the sandbox posts to."""
    port = free_port()
    settings = Settings(
        supabase_url=supabase.url,
        supabase_secret_key=supabase.secret_key,
        facebook_app_secret=SECRET,
        facebook_verify_token="a word",
    )
    spool, tally = Spool(tmp_path / "receiver"), Tally()
    # Nothing stays open: the event loop that it would have to be closed on ends with the server.
    http = httpx.AsyncClient(timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))
    inbox = Inbox(service_client(settings, http), "receiver-1", "0")
    receiver = create_receiver(settings, spool, inbox, Mover(spool, inbox, tally), tally)
    url = f"http://127.0.0.1:{port}"
    config = SandboxConfig(app_secret=SECRET, webhook_url=f"{url}/webhooks/facebook")
    with serving(receiver, port), serve_sandbox(config) as sandbox:
        told = Telling(world, supabase, sandbox, SECRET)
        told.receiver_url = url
        yield told
        told.close()


def test_a_reply_completes_the_sequence_and_what_was_delivered_and_read_is_in_the_history(
    story: Telling,
) -> None:
    contact = story.contact(last_inbound_at=ago(hours=2))
    story.run_now()
    story.turn("check", "write", "send")

    until(lambda: story.history()[0]["read_at"])
    [shown] = story.history()
    assert shown["outcome"] == "sent"
    assert shown["delivered_at"] <= shown["read_at"]
    state_id = story.state(contact)["id"]
    timeline = story.call("contact_timeline", p_state_id=state_id)
    assert timeline["attempts"][0]["delivered_at"]
    assert timeline["attempts"][0]["read_at"]

    story.write(contact, "It was lovely")
    story.until_stage(contact, "completed", "replied")
    said = [row["text"] for row in story.call("contact_timeline", p_state_id=state_id)["messages"]]
    assert said == ["It was lovely", shown["message"]]


def test_stop_opts_out_of_every_automation_and_is_confirmed_once(story: Telling) -> None:
    story.world.rule(story.page, wait_minutes=60)
    contact = story.contact(last_inbound_at=ago(hours=2))
    other = story.contact(last_inbound_at=ago(hours=2))
    story.run_now()
    story.turn("check", "write")

    story.write(contact, "  Stop! ")
    story.until_stage(contact, "completed", "opted_out")
    story.write(contact, "STOP")
    story.write(other, "STOP it tastes too good")
    story.until_stage(other, "completed", "replied")
    story.turn("confirm", "send", "confirm")

    [confirmation] = story.messages_to(contact)
    assert "no more automatic messages from Corner Bakery" in confirmation
    assert story.messages_to(other) == []
    reasons = story.world.rows(
        "select distinct reason_code from public.ai_automation_rules as r"
        " cross join lateral public.contact_eligibility(r.id) where contact_id = %s",
        contact["id"],
    )
    assert [row["reason_code"] for row in reasons] == ["opted_out"], "in both"

    story.write(contact, "start")
    out = "select opted_out_at from public.contacts where id = %s"
    until(lambda: story.world.rows(out, contact["id"])[0]["opted_out_at"] is None)
    story.turn("confirm")
    assert len(story.messages_to(contact)) == 2
    assert story.history() == [], "no automation sent anything"


def test_a_stop_counts_while_facebook_cannot_say_whose_a_new_token_is(story: Telling) -> None:
    people = [story.contact(last_inbound_at=ago(hours=2)) for _ in range(2)]
    story.update("ai_automation_rules", story.rule, max_follow_ups=2)
    story.run_now()
    story.turn("check", "write", "send")
    story.facebook.fault("facebook", "refuse-before", call="connect", times=100)
    sealed = Vault(KEY).seal(f"sandbox-page-{story.page['facebook_page_id']}")
    story.call("save_page_token", p_page_id=str(story.page["id"]), p_encrypted_token=sealed)
    story.turn("sync")

    story.write(people[0], "STOP")
    story.until_stage(people[0], "completed", "opted_out")
    past = "update public.contacts set last_outbound_at = %s returning 1"
    story.world.rows(past, ago(minutes=90))
    for person in people:
        times = dict.fromkeys(("last_sent_at", "next_check_at", "due_at"), ago(minutes=61))
        story.update("ai_automation_contact_states", story.state(person), **times)
    story.run_now()
    story.turn("check", "write", "send")

    proven = story.world.rows("select proven_at from public.facebook_pages")
    assert proven == [{"proven_at": None}]
    assert [len(story.messages_to(person)) for person in people] == [1, 2]


def test_an_unclear_confirmation_is_not_sent_again(story: Telling) -> None:
    contact = story.contact(last_inbound_at=ago(hours=2))
    story.facebook.fault("facebook", "reset-after-accept")
    story.write(contact, "STOP")
    status = "select status from public.opt_confirmations"
    until(lambda: story.world.rows(status))

    for _ in range(3):
        story.turn("confirm")

    assert len(story.messages_to(contact)) == 1
    assert story.world.rows(status) == [{"status": "sending"}]


@pytest.mark.parametrize(("kind", "at_once"), [("rate-limit", 0), ("accept-then-limit", 1)])
def test_a_confirmation_that_meets_a_limit_is_sent_once_all_the_same(
    story: Telling, kind: str, at_once: int
) -> None:
    contact = story.contact(last_inbound_at=ago(hours=2))
    story.facebook.fault("facebook", kind)
    story.write(contact, "STOP")
    status = "select status, tries from public.opt_confirmations"
    until(lambda: story.world.rows(status))
    story.turn("confirm")
    assert len(story.messages_to(contact)) == at_once
    if at_once:
        # Its echo is believed more than the answer.
        until(lambda: story.world.rows(status) == [{"status": "sent", "tries": 1}])

    story.world.rows("update public.opt_confirmations set due_at = now() returning 1")
    story.turn("confirm")
    story.turn("confirm")

    assert len(story.messages_to(contact)) == 1
    assert story.world.rows(status) == [{"status": "sent", "tries": 2 - at_once}]


def test_an_echo_settles_the_send_of_a_worker_that_was_killed(story: Telling) -> None:
    contact = story.contact(last_inbound_at=ago(hours=2))
    story.run_now()
    story.turn("check", "write")
    doomed = Worker(story.supabase, story.facebook, "doomed", SECRET)
    [job] = doomed.run(doomed.store.claim(Stage.READY_TO_SEND, 1))
    # The conversation cannot be read: nothing but the echo says what became of the message.
    story.facebook.fault("facebook", "hang", call="read", times=100)
    doomed.send_and_die(job)
    heard = "select id from public.facebook_events where kind = 'echo'"
    until(lambda: story.world.rows(heard))
    assert story.stage_of(contact) == ("sending", None), "the worker may still answer"

    story.update("ai_automation_contact_states", story.state(contact), lease_expires_at=ago())
    story.until_stage(contact, "sent", None)

    [shown] = story.history()
    assert (shown["outcome"], shown["message"]) == ("sent", job.message)
    assert story.state(contact)["status_message"] == "Facebook reports that it arrived"
    assert len(story.messages_to(contact)) == 1


@pytest.mark.parametrize("is_late", [False, True])
def test_a_message_that_arrived_is_not_sent_again_although_facebook_asked_to_wait(
    story: Telling, is_late: bool
) -> None:
    contact = story.contact(last_inbound_at=ago(hours=2))
    story.run_now()
    story.turn("check", "write")
    story.facebook.fault("facebook", "accept-then-limit", recipient=contact["sender_id"])
    if is_late:
        story.facebook.fault("facebook", "webhook-delay", containing="echo", seconds=1)

    story.turn("send")
    story.until_stage(contact, "sent", None)
    story.update("ai_automation_contact_states", story.state(contact), due_at=ago())
    story.update("facebook_pages", story.page, paused_until=None)
    story.turn("send")

    assert len(story.messages_to(contact)) == 1
    assert [row["outcome"] for row in story.history()] == ["sent"]
    assert story.state(contact)["follow_up_count"] == 1


@pytest.mark.parametrize("kind", ["duplicate", "out-of-order", "delay", "dropped"])
def test_events_that_come_twice_or_late_or_never_harm_nothing(story: Telling, kind: str) -> None:
    contact = story.contact(last_inbound_at=ago(hours=2))
    story.facebook.fault("facebook", f"webhook-{kind}", containing="echo", seconds=0.3)
    story.run_now()
    story.turn("check", "write", "send")

    until(lambda: story.history()[0]["read_at"])

    story.write(contact, "Thanks")
    story.until_stage(contact, "completed", "replied")
    assert len(story.messages_to(contact)) == len(story.history()) == 1
    said = story.world.rows("select count(*) from public.contact_messages")
    assert said == [{"count": 2}]


def test_a_person_who_deletes_their_data_at_facebook_is_forgotten(story: Telling) -> None:
    contact = story.contact(last_inbound_at=ago(hours=2))
    story.run_now()
    story.turn("check", "write", "send")
    # Facebook's callback names the person by the app's id, which is no page's.
    told = {"algorithm": "HMAC-SHA256", "user_id": f"10{contact['sender_id']}", "issued_at": 1}

    answer = httpx.post(
        f"{story.receiver_url}/data-deletion", data=signed_request(told, SECRET)
    ).json()

    def forgotten() -> bool:
        story.turn("forget")
        return not story.world.rows("select id from public.contacts")

    until(forgotten)
    assert story.history() == []
    until(lambda: "nothing about you is kept" in httpx.get(answer["url"]).text)
