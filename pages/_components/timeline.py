"""This file is where the history of one contact becomes what its drawer shows."""

from typing import Any

from pages._components.contact_card import page_waits
from pages._components.words import epoch, reason
from pipeline.stages import LOOKS, Stage

Row = dict[str, Any]
GONE = ["This contact is no longer here.", "It may have been deleted."]
OUTCOMES = {
    "sending": "Being sent",
    "sent": "Sent",
    "failed": "Failed",
    "retry": "To be tried again",
    "retried": "Tried again since",
    "dropped": "Put off, not tried again",
    "unknown": "Nobody knows whether it arrived",
    "abandoned": "Given up by a person, to send again",
}


def timeline(told: Row) -> Row:
    """Newest first; times are seconds since 1970. `message` is the whole text, not a preview."""
    return {
        "id": told["state_id"],
        "contact": told["contact_id"],
        "name": told["name"] or "No name",
        "stage": told["stage"],
        "message": told["message"] or "",
        "now": epoch(told["now"]),
        "heard": epoch(told["last_inbound_at"]),
        "stages": [_stage(entry, waits_for(told)) for entry in told["stages"]],
        "tries": [_try(entry) for entry in told["attempts"]],
        "messages": [
            [entry["direction"], entry["text"], epoch(entry["at"])] for entry in told["messages"]
        ],
    }


def waits_for(told: Row) -> str:
    """What the contact waits for where it is, if that is a person or its page."""
    if told["review"]:
        return "Message written, waiting for your review"
    return page_waits(told["page"], Stage(told["stage"]), epoch(told["now"]) or 0.0)


def _stage(entry: Row, waits: str) -> Row:
    name = Stage(entry["stage"])
    meaning = LOOKS[name].meaning if entry["until"] else waits or LOOKS[name].meaning
    because = reason(entry["reason_code"]) if entry["reason_code"] else meaning
    return {
        "stage": name.value,
        "at": epoch(entry["at"]),
        "until": epoch(entry["until"]),
        "text": because + (" · by a person" if entry["by"] == "person" else ""),
    }


def _try(entry: Row) -> Row:
    """One try to send; its error is told as it was."""
    parts = [
        OUTCOMES.get(entry["outcome"], entry["outcome"]),
        f"follow-up {entry['follow_up']}",
        f"written in {entry['generation_time_ms'] / 1000:.1f} s"
        if entry["generation_time_ms"]
        else "",
        f"{entry['tokens']:,} tokens" if entry["tokens"] else "",
    ]
    return {
        "good": entry["outcome"] == "sent",
        "text": " · ".join(part for part in parts if part),
        "error": entry["error_message"] or "",
        "message": entry["message"] or "",
        "at": epoch(entry["at"]),
        "until": epoch(entry["until"]),
    }
