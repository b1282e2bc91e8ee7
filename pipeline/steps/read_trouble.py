"""This file is where it is decided what an error while reading conversations means."""

from typing import Any

from pipeline.ports import GraphError, MessengerError
from pipeline.steps.verdicts import PERMISSION, RECONNECT, Kind, classify, describe, numbers_of

Row = dict[str, Any]
# "Invalid cursors values"; older versions say it with code 100.
BAD_CURSOR = 2642
PAUSE_SECONDS = 15.0
BY_ITSELF = "It goes on by itself where it stopped; nothing that was read is lost."
MAY_NOT_READ = (
    "The page's permission to read its conversations is missing.",
    f"Give the app pages_messaging and pages_read_engagement for this page. {RECONNECT}",
)


def trouble(error: MessengerError, cursor: str | None, page_size: int) -> Row:
    """The outcome for `stop_sync`: again from the beginning, less at once, later, or the page."""
    if not isinstance(error, GraphError):
        return _told("facebook_unreachable", str(error), BY_ITSELF)
    if cursor and (error.code == BAD_CURSOR or "cursor" in error.message.lower()):
        words = "Facebook's list has moved on, so it is read again from its beginning."
        return _told("cursor_expired", words, BY_ITSELF) | {"restart": True}
    if "reduce the amount of data" in error.message.lower() and page_size > 1:
        words = "Facebook found the answer too large; less is asked for at once."
        return _told("too_much_data", words, BY_ITSELF) | {"page_size": page_size // 2}
    return _judged(error)


def refused_subscription(error: MessengerError) -> str:
    """Why Facebook does not tell us of the page's messages, with what helps."""
    if not isinstance(error, GraphError):
        return str(error)
    verdict = classify(error)
    if verdict is PERMISSION:
        return "The token lacks the permission pages_manage_metadata; give the page a new one."
    if verdict.page_status == "token_invalid":
        return f"{describe(error, verdict)}. {verdict.hint}"
    return f"Facebook refused (error {numbers_of(error)})."


def _judged(error: GraphError) -> Row:
    verdict = classify(error)
    words = describe(error, verdict)
    if verdict is PERMISSION:
        return _told(verdict.code, MAY_NOT_READ[0], MAY_NOT_READ[1])
    if verdict.kind is Kind.PAGE and verdict.page_status == "token_invalid":
        return _told(verdict.code, words, verdict.hint) | {"page_status": verdict.page_status}
    if verdict.pauses_page:
        wait = max(error.regain_seconds, PAUSE_SECONDS)
        return _told(verdict.code, words, BY_ITSELF) | {
            "pause_seconds": wait,
            "after_seconds": wait,
            "usage_percent": error.usage_percent,
        }
    if verdict.kind is Kind.PAGE:
        return _told(verdict.code, words, verdict.hint)
    words = f"Facebook could not list the conversations (Facebook error {numbers_of(error)})."
    return _told("not_readable", words, BY_ITSELF)


def _told(code: str, message: str, hint: str) -> Row:
    return {"error_code": code, "error_message": message, "error_hint": hint}
