"""This file is where rows become objects, and outcomes become rows."""

import logging
import re
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar, assert_never

from pipeline.looks import first_look
from pipeline.model import Advance, Fail, Held, Job, Outcome, Retry, Said, Skip, Unreadable
from pipeline.stages import Stage

log = logging.getLogger("stagelight.rows")

# Where a contact waits for its next try, by the stage in which the try failed.
WAITS_IN = {Stage.GENERATING: Stage.ELIGIBLE, Stage.SENDING: Stage.READY_TO_SEND}
# PostgreSQL stores neither; one such character would make a row fail for ever.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Row = dict[str, Any]
T = TypeVar("T")


def built(kind: type[T], row: Row) -> T:
    """A row as a dataclass of ours; columns that a newer database has added are passed over.

    Raises TypeError for a row that lacks one.
    """
    try:
        return kind(**row)
    except TypeError:
        # Only on a newer database: on ours looking at every name would cost as much as the object.
        known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
        return kind(**{name: value for name, value in row.items() if name in known})


def held_of(rows: list[Row], claimed_at: float, lease_seconds: int) -> list[Held]:
    """Rows of `claim_contacts`, one by one: a bad one stops no other."""
    found = (_held(row, claimed_at, lease_seconds) for row in rows)
    return [held for held in found if held is not None]


def _held(row: Row, claimed_at: float, lease_seconds: int) -> Held | None:
    try:
        return job_of(row, claimed_at, lease_seconds)
    except Exception as error:
        about = {"state_id": row.get("state_id"), "error": type(error).__name__}
        log.error("unreadable contact", extra=about)  # noqa: TRY400 - its text may hold data
    try:
        return Unreadable(int(row["state_id"]), str(row["lease_token"]), Stage(row["stage"]))
    except (KeyError, TypeError, ValueError):
        return None


def job_of(row: Row, claimed_at: float, lease_seconds: int) -> Job:
    """A row of `claim_contacts` as a job; raises anything for a row that is not as agreed."""
    values = dict(row)
    for name in ("window_closes_at", "attempt_started_at"):
        values[name] = values[name] and datetime.fromisoformat(values[name])
    for name in ("message", "attempt_id", "encrypted_token"):
        values[name] = values[name] or ""
    values["stage"] = Stage(row["stage"])
    values["history"] = tuple(
        Said(said["by"], said["text"], datetime.fromisoformat(said["at"]), said.get("id", ""))
        for said in row["history"]
    )
    values["claimed_at"], values["lease_seconds"] = claimed_at, lease_seconds
    return built(Job, values)


def ids_of(held: Held) -> Row:
    """What a line of the log says of a contact: never a name, a text or a sender's id."""
    ids = {"state_id": held.state_id, "stage": held.stage}
    if isinstance(held, Job):
        ids |= {"rule_id": held.rule_id, "attempt_id": held.attempt_id or None}
    return ids


def row_of(held: Held, outcome: Outcome) -> Row:
    """An outcome as an element of `record_outcomes`."""
    row = {"state_id": held.state_id, "lease_token": held.lease_token, "from_stage": held.stage}
    if isinstance(held, Job) and held.attempt_id:
        # What Facebook said is written to the attempt even when the lease was lost meanwhile.
        row["attempt_id"] = held.attempt_id
    return {**row, **cleaned(_result(held, outcome))}


def _result(held: Held, outcome: Outcome) -> Row:
    match outcome:
        case Advance(to, fields):
            return {
                "to_stage": to,
                "status_message": _success(to, held),
                "attempt_outcome": "sent" if to is Stage.SENT else None,
                **fields,
            }
        case Retry():
            return {
                **_told(outcome),
                "to_stage": WAITS_IN[held.stage],
                "status_message": f"Trying again: {outcome.message}",
                "after_seconds": outcome.after_seconds,
                "pause_page_seconds": outcome.pause_page_seconds,
                "page_status": outcome.page_status or None,
                "usage_percent": outcome.usage_percent,
                "counts": outcome.counts,
                "attempt_outcome": "retry",
                **outcome.fields,
            }
        case Skip():
            ends = {"to_stage": Stage.SKIPPED, "attempt_outcome": "failed"}
            return {**_told(outcome), **ends, "reason_code": outcome.code}
        case Fail():
            # While nobody knows, the contact stays in sending; it is never put back to be sent.
            return {
                **_told(outcome),
                "to_stage": Stage.SENDING if outcome.unknown else Stage.FAILED,
                "page_status": outcome.page_status or None,
                "after_seconds": _look_after(held, outcome) if outcome.unknown else 0,
                "attempt_outcome": "unknown" if may_be_out(outcome) else "failed",
                **outcome.fields,
            }
        case _:
            assert_never(outcome)


def _told(outcome: Retry | Skip | Fail) -> Row:
    return {
        "status_message": outcome.message,
        "error_code": outcome.code,
        "error_message": outcome.message,
        "error_hint": outcome.hint,
    }


def _look_after(held: Held, outcome: Fail) -> float:
    return outcome.after_seconds or first_look(held.lease_seconds if isinstance(held, Job) else 30)


def may_be_out(outcome: Fail) -> bool:
    """Whether the message may have reached the contact although the try failed."""
    return outcome.unknown or outcome.code in ("outcome_unknown", "unexpected", "duplicate")


def _success(to: Stage, held: Held) -> str:
    if to is Stage.READY_TO_SEND:
        waits = isinstance(held, Job) and held.review_before_send
        return "Waiting for review" if waits else "Message written"
    if isinstance(held, Job):
        return f"Follow-up {held.follow_up_count + 1} of {held.max_follow_ups} accepted by Facebook"
    return "Accepted by Facebook"


def cleaned(row: Row) -> Row:
    """Without what PostgreSQL cannot store."""
    return {
        name: UNSTORABLE.sub("", value) if isinstance(value, str) else value
        for name, value in row.items()
    }
