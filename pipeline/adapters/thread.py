"""This file is where our message is looked for in what Facebook shows of a conversation."""

import unicodedata
from datetime import datetime, timedelta
from typing import Any

from pipeline.model import Job

# The database's clock and Facebook's are not the same one.
CLOCKS_DIFFER = timedelta(seconds=60)
ROWS_AT_ONCE = 20
# A person who writes sixty messages in a minute and a half hides ours; nobody reads on for ever.
MOST_PARTS = 3
ROW_FIELDS = "id,created_time,from,message"
THREAD_FIELDS = f"messages.limit({ROWS_AT_ONCE}){{{ROW_FIELDS}}}"
# Signs nobody sees: joiners, marks of direction, soft hyphens, and what picks an emoji's look.
UNSEEN = ("Cf", "Cc")
VARIATIONS = range(0xFE00, 0xFE10)


def find_ours(job: Job, rows: list[Any]) -> tuple[str | None, bool]:
    """The id of this try's message among rows of a thread; whether a row that is odd might be it.

    What `job.history` names is the message of another try, whatever its words are.
    """
    known = [(row, _is_ours(job, row)) for row in rows]
    found = next((str(row["id"]) for row, is_ours in known if is_ours), None)
    return found, any(is_ours is None for _, is_ours in known)


def goes_on(job: Job, part: dict[str, Any]) -> str | None:
    """The cursor of older rows where ours may be; None when these begin before the try did.

    Facebook's `next` is an address with a token in it; it only says that something follows.
    """
    paging = part.get("paging")
    if not isinstance(paging, dict) or not paging.get("next") or not _is_newer(job, part):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None


def _is_newer(job: Job, part: dict[str, Any]) -> bool:
    """Whether everything that these rows show is from after the try began."""
    if job.attempt_started_at is None:
        return False
    try:
        oldest = min(datetime.fromisoformat(row["created_time"]) for row in part["data"])
        return oldest >= job.attempt_started_at - CLOCKS_DIFFER
    except (KeyError, TypeError, ValueError):
        return False


def _is_ours(job: Job, row: Any) -> bool | None:
    """Whether a message of the thread is this try's; None where the row is not as documented."""
    try:
        return _matches(job, row)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _matches(job: Job, row: dict[str, Any]) -> bool:
    if row.get("from", {}).get("id") == job.sender_id or "message" not in row:
        return False
    if any(row["id"] == said.id for said in job.history):
        return False
    if job.attempt_started_at is not None:
        written_at = datetime.fromisoformat(row["created_time"])
        if written_at < job.attempt_started_at - CLOCKS_DIFFER:
            return False
    return plain(row["message"]) == plain(job.message)


def plain(text: str) -> str:
    """What a reader sees of a text, however it was stored on its way."""
    seen = "".join(
        sign
        for sign in unicodedata.normalize("NFC", text)
        if sign.isspace() or not (unicodedata.category(sign) in UNSEEN or ord(sign) in VARIATIONS)
    )
    return " ".join(unicodedata.normalize("NFC", seen).split())
