"""This file is where Facebook's calls are taken in, once each, and do what they say."""

import json

import pytest

from tests.builders import ago
from tests.database.acting import Worker, run_now
from tests.receiver.telling import body_of, item, message, now_ms, signed

DUE_NOW = "update public.facebook_events set due_at = now() where done_at is null returning 1"


def stored(world, sender_id):
    rows = world.rows("select * from public.contacts where sender_id = %s", sender_id)
    return rows[0] if rows else None


def messages(world):
    found = world.rows("select direction, body from public.contact_messages order by said_at, id")
    return [tuple(row.values()) for row in found]


def in_flight(world, page):
    """A worker, with a contact to whom its message is written."""
    world.contact(page, sender_id="77", last_inbound_at=ago(hours=2))
    rule, worker = world.rule(page), Worker(world.connection)
    run_now(world, rule)
    worker.check()
    worker.write()
    return worker


def history(world):
    [row] = world.rows("select * from public.automation_history")
    return row


def test_facebook_finds_out_whether_the_address_is_ours(facebook):
    asked = {"hub.mode": "subscribe", "hub.verify_token": "a word", "hub.challenge": "1158201444"}

    answer = facebook.call("GET", params=asked)

    assert (answer.status_code, answer.text) == (200, "1158201444")
    for wrong in ("hub.verify_token", "hub.mode", "hub.challenge"):
        for value in ("another", "", "ü\U0001f600", "x" * 5000):
            if (wrong, value) not in {
                ("hub.challenge", "another"),
                ("hub.challenge", "ü\U0001f600"),
            }:
                assert facebook.call("GET", params={**asked, wrong: value}).status_code == 403
    assert facebook.call("GET").status_code == 403
    assert facebook.call("PUT").status_code == 405
    assert facebook.call("GET", "/elsewhere").status_code == 404


def test_only_what_facebook_signed_is_taken_in_byte_for_byte(facebook, page):
    body = json.dumps(body_of(message(page, "77", "Zoë"))).encode()
    other_bytes = json.dumps(json.loads(body), indent=1).encode()

    answers = {
        "unsigned": facebook.call("POST", content=body),
        "another secret": facebook.post(body, secret="another"),
        "other bytes": facebook.call("POST", content=other_bytes, headers=signed(body)),
        "the old kind": facebook.call("POST", content=body, headers={"X-Hub-Signature": "sha1=0"}),
        "no hex": facebook.call("POST", content=body, headers={"X-Hub-Signature-256": "sha256="}),
        "too large": facebook.post(b" " * 5_000_000),
    }

    assert {name: answer.status_code for name, answer in answers.items()} == {
        **{"unsigned": 401, "another secret": 403, "other bytes": 403, "the old kind": 401},
        **{"no hex": 403, "too large": 413},
    }
    assert facebook.post(body).json() == {"accepted": 1}
    assert sum(facebook.tally.rejected.values()) == 6


def test_what_is_told_twice_is_one_event_and_order_does_not_matter(facebook, world, page):
    now = now_ms()
    stop = message(page, "77", "STOP", at=now - 60_000)
    start = message(page, "77", "START", at=now - 50_000)
    answer = message(page, "78", "How are you?", at=now - 40_000)

    facebook.tell(start, answer)
    facebook.tell(stop, start)
    facebook.tell(answer)
    assert facebook.post(body_of(answer)).json() == {"accepted": 1}
    facebook.settle()

    assert stored(world, "77")["opted_out_at"] is None
    assert sorted(messages(world)) == [("in", "How are you?"), ("in", "START"), ("in", "STOP")]
    assert (facebook.tally.stored, facebook.tally.known) == (3, 3)
    [left] = world.rows(
        "select count(*) from public.facebook_events where sender_id is not null or told <> '{}'"
    )
    assert left["count"] == 0, "what was worked on says nothing any more"


def test_several_pages_and_places_and_kinds_come_in_one_call(facebook, world, page):
    other = world.page(world.user())
    twin = world.page(world.user(), facebook_page_id=page["facebook_page_id"])
    both = body_of(message(page, "77"), item(page, "79", postback={"title": "Start shopping"}))
    both["entry"] += body_of(message(other, "78"), place="standby")["entry"]
    both["entry"] += body_of(item(page, "80", reaction={"action": "react", "mid": "m_9"}))["entry"]
    both["entry"] += body_of(item(page, "81", reaction={"action": "unreact"}))["entry"]
    both["entry"] += body_of(item(page, "82", read={"watermark": now_ms()}))["entry"]
    both["entry"] += body_of(item(page, "83", optin={"ref": "x"}), item(page, "84"))["entry"]

    assert facebook.post(both).json() == {"accepted": 5}
    facebook.settle()

    found = world.rows(
        "select page_id, sender_id from public.contacts"
        " where last_inbound_at > now() - interval '1 minute'"
    )
    assert {(row["page_id"], row["sender_id"]) for row in found} == {
        *((mine["id"], person) for mine in (page, twin) for person in ("77", "79", "80")),
        (other["id"], "78"),
    }
    assert facebook.tally.unused == {"without effect": 1, "optin": 1, "malformed": 1}
    metrics = facebook.call("GET", "/metrics").text
    assert 'stagelight_webhook_events_total{kind="message"} 2.0' in metrics
    assert 'stagelight_webhook_unused_total{kind="optin"} 1.0' in metrics


def test_what_a_person_writes_in_the_inbox_counts_as_written(facebook, world, page):
    world.contact(page, sender_id="77", last_outbound_at=None)

    facebook.tell(message(page, "77", "I am the baker", is_echo=True, app_id=26390203743090))

    assert messages(world) == [("out", "I am the baker")]
    assert stored(world, "77")["last_outbound_at"] >= ago(minutes=1)


def test_delivery_and_read_appear_in_the_history(facebook, world, page):
    worker = in_flight(world, page)
    [job] = worker.claim("ready_to_send")
    sent_at = now_ms() + 1
    delivered = item(page, "77", sent_at + 1, delivery={"watermark": sent_at, "mids": ["m_x"]})

    facebook.tell(delivered)
    assert history(world)["delivered_at"] is None, "its own outcome is not known yet"
    told = {"attempt_outcome": "sent", "facebook_message_id": "m_x"}
    worker.record([job], "sent", **told)
    world.rows(DUE_NOW)
    facebook.settle()
    assert history(world)["delivered_at"] >= job["attempt_started_at"]
    assert history(world)["read_at"] is None

    facebook.tell(item(page, "77", read={"watermark": now_ms()}))
    first = history(world)
    assert first["read_at"] >= first["delivered_at"]
    facebook.tell(item(page, "77", read={"watermark": now_ms() + 5}))
    assert history(world)["read_at"] == first["read_at"]


def test_an_echo_settles_a_try_whose_worker_is_gone(facebook, world, page):
    worker = in_flight(world, page)
    [job] = worker.claim("ready_to_send", lease_seconds=20)
    metadata = f"stagelight:{job['attempt_id']}"
    echo = message(page, "77", job["message"], is_echo=True, metadata=metadata)

    facebook.tell(echo)
    state = "select current_stage::text as stage from public.ai_automation_contact_states"
    assert world.rows(state) == [{"stage": "sending"}], "its worker may still answer"
    world.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now() returning 1"
    )
    world.rows(DUE_NOW)
    facebook.settle()

    assert world.rows(state) == [{"stage": "sent"}]
    assert history(world)["outcome"] == "sent"
    assert history(world)["facebook_message_id"] == echo["message"]["mid"]
    assert worker.claim("sending") == []


def test_a_reply_while_the_message_goes_out_ends_the_sequence_when_it_is_out(facebook, world, page):
    worker = in_flight(world, page)
    [job] = worker.claim("ready_to_send")

    facebook.tell(message(page, "77", "I am here already"))
    state = "select current_stage::text as stage from public.ai_automation_contact_states"
    assert world.rows(state) == [{"stage": "sending"}]
    worker.record([job], "sent", attempt_outcome="sent", facebook_message_id="m_x")
    world.rows(DUE_NOW)
    facebook.settle()

    assert world.rows(state) == [{"stage": "completed"}]
    assert world.rows("select id from public.facebook_events where done_at is null") == []


def test_policy_enforcement_stops_the_page_with_one_alert_and_frees_it(facebook, world, page):
    def enforced(action, at):
        told = {"action": action, "reason": "Promotions outside the window"}
        return {
            "recipient": {"id": page["facebook_page_id"]},
            "timestamp": at,
            "policy_enforcement": told,
        }

    def found():
        columns = "status, status_reason, paused_until > now() as paused"
        return tuple(world.rows(f"select {columns} from public.facebook_pages")[0].values())  # noqa: S608

    now = now_ms()
    reason = "Facebook (block): Promotions outside the window"
    facebook.tell(enforced("block", now - 9000), enforced("block", now - 8000))
    facebook.tell(enforced("block", now - 8000))
    assert found() == ("restricted", reason, True)
    alerts = "select action from public.ai_automation_audit order by id"
    assert world.rows(alerts) == [{"action": "page_paused"}]

    facebook.tell(enforced("unblock", now - 1000))
    facebook.tell(enforced("block", now - 5000))
    assert found() == ("active", None, None), "what was said last counts"
    assert [row["action"] for row in world.rows(alerts)] == ["page_paused", "page_resumed"]
    facebook.tell(enforced("warning", now))
    assert found() == ("active", None, None)
    assert [row["action"] for row in world.rows(alerts)][2:] == ["page_warned"]
    warned = "select warning, warned_at is not null as dated from public.facebook_pages"
    assert world.rows(warned) == [{"warning": "Promotions outside the window", "dated": True}]
    facebook.tell(enforced("unblock", now + 1))
    assert world.rows(warned) == [{"warning": None, "dated": False}]


def test_one_event_that_cannot_be_worked_on_holds_up_no_other(facebook, world, page):
    refuse = "alter table public.contact_messages add constraint bad check (body <> 'poison')"
    world.connection.execute(refuse)
    facebook.tell(message(page, "77", "poison"), message(page, "78"))
    assert stored(world, "78") is None, "both were tried together"

    for _ in range(10):
        world.rows(DUE_NOW)
        facebook.run(facebook.mover.work())

    assert stored(world, "78") is not None
    [given_up] = world.rows("select * from public.facebook_events where problem is not null")
    assert (given_up["problem"], given_up["tries"], given_up["told"]) == ("23514", 10, {})
    assert given_up["sender_id"] is None


@pytest.mark.parametrize("body", [{}, {"object": "page"}, {"object": "user", "entry": [{}]}, [], 1])
def test_what_is_no_event_of_a_page_is_refused(facebook, body):
    assert facebook.post(body).status_code == 400
