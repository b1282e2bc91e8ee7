"""This file is where conversations as Facebook lists them become messages and people."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pipeline.model import Heard
from pipeline.rows import cleaned

Row = dict[str, Any]
LONGEST_TEXT, LONGEST_NAME, LONGEST_ID = 20_000, 300, 200


def hear(page_id: str, threads: list[Row], known_until: datetime | None) -> Heard:
    """What those that changed since `known_until` say; what cannot be understood is left out.

    One that changed in that very second may have said more since, so it is read once more.
    """
    changed = [(thread, moment(thread.get("updated_time"))) for thread in threads]
    fresh = [
        thread for thread, at in changed if known_until is None or at is None or at >= known_until
    ]
    messages = [row for thread in fresh for row in _messages(page_id, thread)]
    spoke = {row["sender_id"] for row in messages}
    people = [
        cleaned({"sender_id": person, "sender_name": name})
        for thread in fresh
        for person, name in _people(page_id, thread).items()
        if person not in spoke
    ]
    newest = max((at for _, at in changed if at is not None), default=None)
    return Heard(messages, people, len(fresh), newest, len(fresh) < len(threads))


def moment(value: object) -> datetime | None:
    """Facebook's moment, 2026-11-23T01:02:03+0000; None for anything else."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _messages(page_id: str, thread: Row) -> Iterator[Row]:
    people = _people(page_id, thread)
    for row in _data(thread.get("messages")):
        said_at, said_by = moment(row.get("created_time")), _id(row.get("from"))
        # Of a deleted message, and of those beyond the twenty newest, only the id is told.
        if said_at is None or not said_by or not _text(row.get("id")):
            continue
        person = said_by if said_by != page_id else _addressee(page_id, row, people)
        if person:
            yield cleaned(
                {
                    "sender_id": person,
                    "sender_name": people.get(person, ""),
                    "direction": "out" if said_by == page_id else "in",
                    "mid": _text(row.get("id"))[:LONGEST_ID],
                    "text": _text(row.get("message"))[:LONGEST_TEXT],
                    "said_at": said_at.isoformat(),
                }
            )


def _addressee(page_id: str, row: Row, people: dict[str, str]) -> str:
    """To whom the page wrote: who is named, or the only other one in the conversation."""
    named = [_id(person) for person in _data(row.get("to"))]
    others = [person for person in named if person and person != page_id] or list(people)
    return others[0] if others else ""


def _people(page_id: str, thread: Row) -> dict[str, str]:
    """Everybody in the conversation but the page, with the name if Facebook tells it."""
    found = {
        _id(row): _text(row.get("name")).strip()[:LONGEST_NAME]
        for row in _data(thread.get("participants"))
    }
    return {person: name for person, name in found.items() if person and person != page_id}


def _data(value: object) -> list[Row]:
    rows = value.get("data") if isinstance(value, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _id(value: object) -> str:
    found = _text(value.get("id")) if isinstance(value, dict) else ""
    return found if len(found) <= LONGEST_ID else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
