"""This file is where the conversations of a page are listed: newest change first, by cursor."""

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from local.sandbox.mailbox import Mailbox, Message, conversation_id_of

MOST_AT_ONCE = 200
USUALLY_AT_ONCE = 25
MESSAGES_WITH_DETAILS = 20
# What stands in a thread whose messages cannot be read any more.
DELETED = "deleted"

Key = tuple[str, str]


class BadCursorError(Exception):
    """The cursor is not one that this list gave out."""


class Listing:
    """The threads of every page, in Facebook's order, kept until the mailbox changes."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._known = -1
        self._keys: dict[str, list[Key]] = {}

    def page(self, page_id: str, wanted: Mapping[str, str], address: str) -> dict[str, Any]:
        """One page of the list, with `paging` as the Graph API writes it. Raises BadCursorError."""
        keys = self._of(page_id)
        limit = min(int(wanted.get("limit", USUALLY_AT_ONCE)), MOST_AT_ONCE)
        first = bisect_right(keys, _key_of(wanted["after"])) if wanted.get("after") else 0
        chosen = keys[first : first + limit]
        fields = wanted.get("fields", "id,updated_time")
        shown = [self.show(self._mailbox.thread(page_id, sender), fields) for _, sender in chosen]
        answer: dict[str, Any] = {"data": shown}
        if chosen:
            cursors = {"before": _cursor_of(chosen[0]), "after": _cursor_of(chosen[-1])}
            answer["paging"] = {"cursors": cursors}
            if first + limit < len(keys):
                answer["paging"]["next"] = f"{address}?after={cursors['after']}"
        return answer

    def _of(self, page_id: str) -> list[Key]:
        if self._known != len(self._mailbox.messages):
            self._known, self._keys = len(self._mailbox.messages), {}
        if page_id not in self._keys:
            people = self._mailbox.people_of(page_id)
            threads = [(self._mailbox.thread(page_id, person)[-1], person) for person in people]
            self._keys[page_id] = sorted((_backwards(last), person) for last, person in threads)
        return self._keys[page_id]

    def show(self, thread: list[Message], fields: str) -> dict[str, Any]:
        """One conversation with the fields that were asked for."""
        newest = thread[-1]
        shown: dict[str, Any] = {"id": conversation_id_of(newest.page_id, newest.sender_id)}
        plain = re.sub(r"\{[^{}]*\}", "", fields)
        if "updated_time" in plain or plain == "id":
            shown["updated_time"] = graph_time(newest.received_at)
        if "participants" in plain:
            shown["participants"] = {"data": self._people(newest)}
        wanted = re.search(r"messages(?:\.limit\((\d+)\))?(?:\{([^{}]*)\})?", fields)
        if wanted:
            shown["messages"] = self._messages(thread, wanted)
        return shown

    def part(self, thread: list[Message], wanted: Mapping[str, str]) -> dict[str, Any]:
        """Older messages of one conversation, behind a cursor, with all their details.

        Meta's reference takes the details from all but the newest twenty for Instagram alone.
        Raises BadCursorError.
        """
        after = wanted.get("after", "0")
        if not after.isdigit():
            raise BadCursorError
        limit = min(int(wanted.get("limit", USUALLY_AT_ONCE)), 100)
        names = {name.strip() for name in wanted.get("fields", "created_time").split(",")}
        return _part(thread, int(after), limit, lambda place: names)

    def _people(self, newest: Message) -> list[dict[str, str]]:
        name = self._mailbox.names.get(newest.sender_id)
        person = {"id": newest.sender_id, "email": f"{newest.sender_id}@facebook.com"}
        page = {"id": newest.page_id, "name": "The page", "email": f"{newest.page_id}@facebook.com"}
        return [{**person, "name": name} if name else person, page]

    def _messages(self, thread: list[Message], wanted: "re.Match[str]") -> dict[str, Any]:
        limit = min(int(wanted[1] or 25), 100)
        names = {name.strip() for name in (wanted[2] or "created_time").split(",")}
        detailed = partial(_names_at, names)
        return _part(thread, 0, limit, detailed)


def _names_at(names: set[str], place: int) -> set[str]:
    return names if place < MESSAGES_WITH_DETAILS else {"created_time"}


def _part(
    thread: list[Message], first: int, limit: int, names_at: Callable[[int], set[str]]
) -> dict[str, Any]:
    """Messages from the `first` newest on, with the cursor of those before them."""
    chosen = thread[::-1][first : first + limit]
    rows = [_message(item, names_at(first + place)) for place, item in enumerate(chosen)]
    shown: dict[str, Any] = {"data": rows}
    if first + limit < len(thread):
        after = str(first + limit)
        shown["paging"] = {"cursors": {"after": after}, "next": f"https://sandbox/?after={after}"}
    return shown


def graph_time(moment: str) -> str:
    """A moment as the Graph API writes it, to the second."""
    return f"{moment[:19]}+0000"


def _message(message: Message, names: set[str]) -> dict[str, Any]:
    if message.messaging_type == DELETED:
        return {"id": message.message_id}
    page, contact = {"id": message.page_id}, {"id": message.sender_id}
    sender, receiver = (page, contact) if message.by == "page" else (contact, page)
    details = {
        "created_time": graph_time(message.received_at),
        "from": sender,
        "to": {"data": [receiver]},
        "message": message.text,
    }
    return {"id": message.message_id, **{k: v for k, v in details.items() if k in names}}


def _backwards(newest: Message) -> str:
    """A text that sorts the newest first: every digit stands for its opposite."""
    return newest.received_at[:26].translate(str.maketrans("0123456789", "9876543210"))


def _cursor_of(key: Key) -> str:
    return base64.urlsafe_b64encode("|".join(key).encode()).decode()


def _key_of(cursor: str) -> Key:
    try:
        moment, _, sender = base64.urlsafe_b64decode(cursor).decode().partition("|")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadCursorError from None
    if not re.match(r"[\d:T.-]{19}", moment) or not sender:
        raise BadCursorError
    return moment, sender
