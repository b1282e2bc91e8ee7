"""This file is where events have the shape that Facebook gives them."""

import math
from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from local.sandbox.mailbox import Message


class Event(NamedTuple):
    """One item of a webhook call; `kind` and `person` are what a fault may be asked for."""

    kind: str
    person: str
    page_id: str
    item: dict[str, Any]


def said(message: Message) -> Event:
    """A contact's message, or the echo of a page's."""
    words: dict[str, Any] = {"mid": message.message_id, "text": message.text}
    if message.by == "page":
        words |= {"is_echo": True, "app_id": 1}
        if message.metadata:
            words["metadata"] = message.metadata
    kind = "echo" if message.by == "page" else "message"
    return _event(kind, message, {"timestamp": moment(message), "message": words})


def delivered(message: Message) -> Event:
    """What a page wrote has arrived."""
    seen = {"mids": [message.message_id], "watermark": moment(message)}
    return _event("delivery", message, {"timestamp": moment(message), "delivery": seen})


def read(message: Message) -> Event:
    """The contact has read it."""
    seen = {"watermark": moment(message)}
    return _event("read", message, {"timestamp": moment(message), "read": seen})


def _event(kind: str, message: Message, what: dict[str, Any]) -> Event:
    person, page = {"id": message.sender_id}, {"id": message.page_id}
    ends = (page, person) if kind == "echo" else (person, page)
    item = {"sender": ends[0], "recipient": ends[1], **what}
    return Event(kind, message.sender_id, message.page_id, item)


def moment(message: Message) -> int:
    """When, as Facebook writes it; never before it was."""
    return math.ceil(datetime.fromisoformat(message.received_at).timestamp() * 1000)


def packed(events: list[Event]) -> dict[str, Any]:
    """One call's body: an entry for each page."""
    pages: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        pages[event.page_id].append(event)
    return {
        "object": "page",
        "entry": [
            {
                "id": page_id,
                "time": max(event.item["timestamp"] for event in told),
                "messaging": [event.item for event in told],
            }
            for page_id, told in pages.items()
        ],
    }
