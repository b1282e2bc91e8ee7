"""This file is where the model takes down the result of a step, as record_outcomes ought to."""

from dataclasses import dataclass
from typing import Any

from pipeline.stages import MOVES, Stage
from tests.builders import Row
from tests.database.model import HELD, HOUR, Contact, Model, Try

# What may become of a contact in hand, by stage; the first is usual.
ENDS: dict[str, list[tuple[str, Row]]] = {
    "checking": [("sent", {})],
    "generating": [
        ("ready_to_send", {"generated_message": "See you Saturday?"}),
        ("ready_to_send", {"generated_message": "See you Saturday?", "after_seconds": 600}),
        ("eligible", {"error_code": "busy"}),
        ("failed", {"error_code": "refused"}),
        ("sent", {"attempt_outcome": "sent"}),
        ("eligible", {"error_code": "worker_stopped"}),
    ],
    "sending": [
        ("sent", {"attempt_outcome": "sent"}),
        ("ready_to_send", {"error_code": "busy", "attempt_outcome": "retry"}),
        ("failed", {"error_code": "refused", "attempt_outcome": "failed"}),
        ("failed", {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}),
        ("sending", {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}),
        ("completed", {}),
        ("skipped", {"error_code": "window_closed", "attempt_outcome": "failed"}),
    ],
}

# No call was made: the contact is as suspect as before.
UNTOUCHED = ("provider_away", "many_retries", "worker_stopped", "lease_nearly_over")


@dataclass(eq=False)
class Hand:
    """What a worker holds, or believes to hold."""

    contact: Contact
    job: Row
    attempt: Try | None

    @property
    def stage(self) -> str:
        """The stage in which it was handed out."""
        return str(self.job["stage"])


def take_down(model: Model, hand: Hand, to: str, said: Row) -> str | None:
    """What the result changes; the problem, when it changes nothing."""
    contact = hand.contact
    if contact not in model.contacts:
        return "not_held"
    if hand.job["lease_token"] != contact.token:
        if to != "sent" or not turns_out_sent(hand):
            return "not_held" if to != "sent" else answer_late(hand.attempt)
        finish_try(model, contact, to, said)
        contact.lost = 0
        model.move(contact, to)
        return None
    if (hand.stage, to) != ("sending", "sending") and Stage(to) not in MOVES[Stage(hand.stage)]:
        return "not_allowed"
    if hand.stage == "sending":
        finish_try(model, contact, to, said)
    contact.lost *= not is_outlived(said)
    if to in ("failed", "skipped") and said.get("attempt_outcome") != "unknown":
        contact.place = False
    contact.reason = said["error_code"] if to == "skipped" else contact.reason
    if to == "sending":
        contact.token, contact.lease_is_over = None, True
    else:
        model.move(contact, to)
    contact.is_due = not said.get("after_seconds")
    return None


def is_outlived(said: Row) -> bool:
    """Whether a worker has done something with the contact, and lives."""
    return said.get("error_code") not in UNTOUCHED


def finish_try(model: Model, contact: Contact, to: str, said: Row) -> None:
    """The open try ends; a sent one counts from the moment of the call."""
    attempt = contact.open_try
    started = attempt.started if attempt else model.now
    if attempt:
        attempt.outcome = said["attempt_outcome"]
        attempt.is_told = attempt.is_told or to == "sent"
    contact.next_check = None
    if to == "sent":
        contact.follow_ups += 1
        contact.sent_at = started
        if contact.follow_ups < contact.max_follow_ups:
            contact.next_check = started + (model.rule.wait_minutes * 60 or HOUR)


def turns_out_sent(hand: Hand) -> bool:
    """Whether nobody knows better of this try, which is the latest, than who comes late."""
    contact, attempt = hand.contact, hand.attempt
    is_latest = bool(attempt) and contact.tries[-1] is attempt
    return is_latest and contact.open_try is attempt and contact.stage in ("sending", "failed")


def answer_late(attempt: Try | None) -> str:
    """Facebook's answer is true, also when the contact was taken over meanwhile."""
    if attempt and not attempt.is_told:
        attempt.is_told = True
        attempt.outcome = "sent" if attempt.outcome in ("sending", "unknown") else attempt.outcome
    return "not_held"


def prove(model: Model, contact: Contact, attempt: Try) -> None:
    """An echo of a refused try comes: it is the follow-up, unless another one is already."""
    attempt.is_told = True
    if attempt.follow_up != contact.follow_ups + 1 or contact.stage in HELD:
        return
    attempt.outcome = "sent"
    contact.follow_ups += 1
    contact.sent_at = attempt.started
    if contact.stage in ("sent", "completed"):
        return
    contact.place, contact.reason, contact.next_check = True, None, None
    if contact.follow_ups < contact.max_follow_ups:
        contact.next_check = attempt.started + (model.rule.wait_minutes * 60 or HOUR)
    model.move(contact, "sent")


def as_outcome(hand: Hand, to: str, said: Row, message_id: str) -> dict[str, Any]:
    """The element of record_outcomes that says so."""
    attempt_id = hand.job["attempt_id"]
    return {
        "state_id": hand.job["state_id"],
        "lease_token": str(hand.job["lease_token"]),
        "from_stage": hand.stage,
        "to_stage": to,
        "attempt_id": attempt_id and str(attempt_id),
        "facebook_message_id": message_id if to == "sent" else None,
        **said,
    }
