"""This file is where a contact becomes a card: what it says, what it offers, what it leaves out."""

import re
from pathlib import Path

import pytest

from pages._components.contact_card import PREVIEW, card
from pages._components.timeline import timeline
from pages._components.words import epoch
from pipeline.stages import LOOKS, Stage

ROOT = Path(__file__).parents[2]
AT = "2026-11-22T13:59:00+00:00"
PAGE = {"page_name": "Corner Bakery", "page_status": "active"}
EMPTY = (
    *("reason_code", "error_code", "error_message", "error_hint", "message", "next_send_at"),
    *("next_check_at", "generation_time_ms", "tokens"),
)


def contact(stage, **changes):
    row = {
        "state_id": 1,
        "name": "محمد العلي",
        "stage": stage,
        "stage_entered_at": AT,
        "status": "As the worker says",
        "follow_up_count": 0,
        "max_follow_ups": 3,
        "attempt": 0,
        "lost": False,
    }
    return {**row, **dict.fromkeys(EMPTY), **changes}


def drawn(row, **page):
    """The card while the page is well, but for what the test names."""
    return card(row, PAGE | page, epoch(AT))


@pytest.mark.parametrize(
    ("stage", "changes", "can"),
    [
        ("queued", {}, "cancel"),
        ("generating", {}, "cancel"),
        ("ready_to_send", {}, "cancel"),
        ("ready_to_send", {"review": True}, "review"),
        ("sending", {}, None),
        ("sent", {}, None),
        ("failed", {}, "retry"),
        ("failed", {"error_code": "outcome_unknown"}, "again"),
        ("failed", {"error_code": "opted_out"}, None),
        ("failed", {"error_code": "no_such_contact"}, None),
        ("skipped", {"reason_code": "cancelled"}, "retry"),
        ("skipped", {"reason_code": "rejected"}, "retry"),
        ("skipped", {"reason_code": "opted_out"}, None),
        ("skipped", {"reason_code": "window_closed"}, None),
        ("completed", {}, None),
    ],
)
def test_a_card_offers_only_what_helps(stage, changes, can):
    assert drawn(contact(stage, **changes)).get("can") == can


def test_a_send_that_nobody_is_sure_of_says_when_it_is_looked_for():
    assert drawn(contact("sending", next_check_at=AT))["check_at"] == epoch(AT)
    assert "check_at" not in drawn(contact("sending"))


def test_while_the_page_is_refused_its_failures_wait_for_it():
    expired = contact("failed", error_code="token_expired")

    assert "can" not in drawn(expired, page_status="token_invalid")
    assert drawn(expired)["can"] == "retry"


@pytest.mark.parametrize(
    ("stage", "sent", "shown"),
    [
        ("generating", 0, [1, 3]),
        ("generating", 3, [3, 3]),
        ("sent", 1, [1, 3]),
        ("skipped", 0, [0, 3]),
        # It did not go out, so it is not counted as if it had.
        ("failed", 1, [1, 3]),
    ],
)
def test_follow_ups_are_counted_as_people_do(stage, sent, shown):
    assert drawn(contact(stage, follow_up_count=sent))["up"] == shown


def test_the_script_names_the_stages_as_python_does():
    script = (ROOT / "assets/40-cards.js").read_text()
    named = re.findall(r'(\w+): \["([^"]+)", "([^"]+)", "([^"]+)"\]', script)

    assert named == [(name, look.icon, look.word, look.meaning) for name, look in LOOKS.items()]


def test_what_the_stage_says_of_itself_is_not_said_again():
    assert "status" not in drawn(contact("ready_to_send", status="Message written"))
    assert "status" not in drawn(contact("generating", status=LOOKS[Stage.GENERATING].meaning))
    assert drawn(contact("eligible", status="Trying again: busy"))["status"] == "Trying again: busy"


def test_an_error_stands_on_the_card_once():
    cause = "Google AI is busy. " + "a" * 600
    retried = contact("eligible", status=f"Trying again: {cause}"[:500], error_message=cause)
    assert drawn(retried)["status"] == "Tries again by itself"
    waits = drawn(retried, page_status="restricted", page_reason="Google AI is busy.")
    assert waits["status"] == "Waits for the page “Corner Bakery”, which Facebook stopped"


LATER, EARLIER = "2026-11-22T14:30:00+00:00", "2026-11-22T13:00:00+00:00"
LATE = {"eligible", "ready_to_send"}
STOPPED = {"page_status": "token_invalid", "page_reason": "Its access has expired."}


@pytest.mark.parametrize(
    ("page", "says", "stages"),
    [
        ({"page_paused_at": AT}, ": you paused it", LATE),
        ({"paused_until": LATER}, ": Facebook asked it to slow down", None),
        (
            {"paused_until": LATER, **STOPPED},
            ", which Facebook stopped: Its access has expired",
            None,
        ),
        (STOPPED, f", which Facebook stopped: {STOPPED['page_reason'][:-1]}", LATE),
        ({"paused_until": EARLIER}, "", set()),
    ],
)  # fmt: skip
def test_who_waits_for_the_page_says_so_and_why(page, says, stages):
    stages = {"queued", "eligible", "ready_to_send"} if stages is None else stages

    told = {stage: drawn(contact(stage), **page)["status"] for stage in Stage if stage != "failed"}

    assert {stage for stage, status in told.items() if status != "As the worker says"} == stages
    assert {told[stage] for stage in stages} <= {f"Waits for the page “Corner Bakery”{says}"}
    assert drawn(contact("ready_to_send", review=True), **page)["status"].endswith("your review")


def test_what_is_empty_is_left_out():
    assert set(drawn(contact("queued"))) == {
        *("id", "name", "stage", "since", "status", "up", "can")
    }


def test_a_long_message_is_a_preview_and_says_so():
    whole, long = (
        drawn(contact("sent", message="a" * PREVIEW)),
        drawn(contact("sent", message="b" * 500)),
    )

    assert "cut" not in whole
    assert long["cut"]
    assert long["message"] == "b" * (PREVIEW - 1) + "…"


def test_a_review_says_until_when_it_is_possible():
    row = contact("ready_to_send", review=True, window_closes_at=AT, status="Message written")

    shown = drawn(row)

    assert (shown["status"], shown["closes"]) == ("Waiting for your review", 1795355940.0)
    assert "closes" not in drawn({**row, "review": False})


def test_the_timeline_is_told_in_words():
    told = timeline(
        {
            "now": AT,
            **{"state_id": 7, "contact_id": "c1"},
            **{"name": "", "stage": "skipped", "message": None, "last_inbound_at": None},
            **{"review": False, "page": PAGE},
            "stages": [
                {
                    "stage": "skipped",
                    "at": AT,
                    "until": None,
                    "reason_code": "replied",
                    "by": "worker",
                },
                {"stage": "queued", "at": AT, "until": AT, "reason_code": None, "by": "person"},
            ],
            "attempts": [
                {
                    **{"follow_up": 2, "outcome": "unknown", "at": AT, "until": None},
                    **{"message": "Hi", "error_message": "Timeout.", "error_code": None},
                    **{"generation_time_ms": 1200, "tokens": 1300},
                }
            ],
            "messages": [{"direction": "in", "text": "Hello", "at": AT}],
        }
    )

    assert told["name"] == "No name"
    assert [entry["text"] for entry in told["stages"]] == [
        "Replied",
        "Added to a run, waiting · by a person",
    ]
    [attempt] = told["tries"]
    assert attempt["text"] == (
        "Nobody knows whether it arrived · follow-up 2 · written in 1.2 s · 1,300 tokens"
    )
    assert told["messages"] == [["in", "Hello", 1795355940.0]]


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ({"review": True, "page": PAGE}, "Message written, waiting for your review"),
        ({"review": False, "page": PAGE}, LOOKS[Stage.READY_TO_SEND].meaning),
        (
            {"review": False, "page": PAGE | {"page_paused_at": AT}},
            "Waits for the page “Corner Bakery”: you paused it",
        ),
    ],
)
def test_the_timeline_says_what_the_last_stage_waits_for_and_of_none_before(now, says):
    ready = {"stage": "ready_to_send", "at": AT, "reason_code": None, "by": "worker"}
    nothing = dict.fromkeys(("message", "last_inbound_at", "contact_id"))
    told = timeline(
        {
            **nothing, **now,
            "now": AT, "state_id": 7, "name": "Ana", "stage": "ready_to_send",
            "stages": [{**ready, "until": None}, {**ready, "until": AT}],
            "attempts": [], "messages": [],
        }
    )  # fmt: skip

    assert [entry["text"] for entry in told["stages"]] == [
        *(says, LOOKS[Stage.READY_TO_SEND].meaning)
    ]
