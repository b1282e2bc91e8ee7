"""This file is where a contact of a snapshot becomes a card: what it says, what can be done."""

from typing import Any

from pages._components.words import epoch, reason
from pipeline.stages import FINISHED, IN_FLIGHT, LOOKS, Stage

Row = dict[str, Any]
CANCELLABLE = frozenset(IN_FLIGHT) - {Stage.SENDING}
# The same as public.retry_helps; tests/database compares them.
NEVER_HELPED = frozenset({"opted_out", "no_such_contact", "contact_unavailable"})
STOPPED_BY_A_PERSON = frozenset({"cancelled", "rejected", "stopped"})
PAGE_ERRORS = frozenset(
    {
        "token_invalid", "token_expired", "token_checkpoint", "permission_missing",
        "page_restricted", "terms_not_accepted",
    }
)  # fmt: skip
MAY_HAVE_ARRIVED = frozenset({"outcome_unknown", "unexpected", "duplicate"})
PREVIEW = 160
# Of a contact that just came to its stage; the stage's own words say the same.
SAYS_NO_MORE = frozenset({"In queue", "Message written", "Accepted by Facebook"})


TRYING_AGAIN = "Trying again: "


def card(row: Row, page: Row, now: float) -> Row:
    """One contact card; empty values are left out, they are bytes.

    `page` is what a snapshot's rule says of its page.
    """
    name = Stage(row["stage"])
    text = row["message"] or ""
    full = {
        "id": row["state_id"],
        "name": row["name"] or "No name",
        "stage": name.value,
        "since": round(epoch(row["stage_entered_at"]) or 0, 1),
        "status": status(row, name, page_waits(page, name, now, row["error_message"] or "")),
        "message": text if len(text) <= PREVIEW else text[: PREVIEW - 1].rstrip() + "…",
        "cut": len(text) > PREVIEW,
        "error": row["error_message"],
        "code": row["error_code"],
        "hint": row["error_hint"],
        "send_at": second(row["next_send_at"]) if name is Stage.READY_TO_SEND else None,
        # Of a send that nobody is sure of: when the conversation is looked at.
        "check_at": second(row["next_check_at"])
        if name in FINISHED or name is Stage.SENDING
        else None,
        "ai": written(row),
        "up": follow_up(row, name),
        "attempt": row["attempt"] if (row["attempt"] or 0) > 1 else None,
        "can": can(row, name, page["page_status"]),
        "closes": second(row.get("window_closes_at")) if is_review(row) else None,
        "lost": bool(row.get("lost")),
    }
    return {key: value for key, value in full.items() if value not in (None, "", False, [])}


def is_review(row: Row) -> bool:
    """Whether the message waits until a person has read it."""
    return bool(row.get("review")) and row["stage"] == Stage.READY_TO_SEND


def can(row: Row, name: Stage, page_status: str) -> str:
    """The one thing a person can do, if it helps; "again" may reach the contact a second time."""
    if is_review(row):
        return "review"
    if name in CANCELLABLE:
        return "cancel"
    if not retry_helps(name, row["reason_code"], row["error_code"], page_status):
        return ""
    return "again" if row["error_code"] in MAY_HAVE_ARRIVED else "retry"


def retry_helps(stage: Stage, reason: str | None, error: str | None, page_status: str) -> bool:
    """Whether queueing again can end differently; time and Facebook cure the rest by themselves."""
    if stage is Stage.SKIPPED:
        return reason in STOPPED_BY_A_PERSON
    if stage is not Stage.FAILED or error in NEVER_HELPED:
        return False
    return page_status == "active" or error not in PAGE_ERRORS


def page_waits(page: Row, name: Stage, now: float, said: str = "") -> str:
    """Why a contact of this stage stays where it is until its page may send; else nothing.

    The same as what sql/parts/620 to 650 leave alone: queued contacts wait for Facebook only. The
    cause is left out where `said` has it already.
    """
    if name not in (Stage.QUEUED, Stage.ELIGIBLE, Stage.READY_TO_SEND):
        return ""
    called = f"Waits for the page “{page['page_name']}”"
    if page.get("page_paused_at") and name is not Stage.QUEUED:
        return f"{called}: you paused it"
    until = epoch(page.get("paused_until"))
    rests = until is not None and until > now
    cause = str(page.get("page_reason") or "").rstrip(".")
    if said and cause in said:
        cause = ""
    if page["page_status"] != "active" and (rests or name is not Stage.QUEUED):
        return f"{called}, which Facebook stopped" + (f": {cause}" if cause else "")
    return f"{called}: {cause or 'Facebook asked it to slow down'}" if rests else ""


def status(row: Row, name: Stage, waits: str = "") -> str:
    """What the worker says, where it is more than the stage or the error says of itself."""
    if name is Stage.FAILED:
        return ""  # the error says it
    if is_review(row):
        return "Waiting for your review"
    if waits:
        return waits
    if name in (Stage.SKIPPED, Stage.COMPLETED) and row["reason_code"]:
        return reason(row["reason_code"])
    told = row["status"] or ""
    # What follows is the error, which stands on the card, and may be longer there.
    if told.startswith(TRYING_AGAIN) and (row["error_message"] or "").startswith(
        told.removeprefix(TRYING_AGAIN)
    ):
        return "Tries again by itself"
    return "" if told in SAYS_NO_MORE or told == LOOKS[name].meaning else told


def written(row: Row) -> list[float | int]:
    """How many seconds the AI took, and how many tokens it read and wrote; empty before it did."""
    if not row["generation_time_ms"]:
        return []
    return [round(row["generation_time_ms"] / 1000, 1), row["tokens"] or 0]


def follow_up(row: Row, name: Stage) -> list[int]:
    """Which follow-up of how many this is; where none is on the way, how many went out."""
    sent, most = row["follow_up_count"], row["max_follow_ups"]
    counts_sent = name in (Stage.SENT, Stage.SKIPPED, Stage.COMPLETED, Stage.FAILED)
    return [sent if counts_sent else min(sent + 1, most), most]


def second(moment: str | None) -> int | None:
    """The moment to the second, in few digits."""
    at = epoch(moment)
    return None if at is None else round(at)
