"""This file is where what Facebook "received" is kept, so that it outlives a kill -9."""

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

FILE = "facebook-messages.jsonl"
Thread = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a thread; `by` is "page" or "contact"."""

    message_id: str
    page_id: str
    sender_id: str
    by: str
    text: str
    metadata: str
    messaging_type: str
    received_at: str


class Mailbox:
    """Every message of every thread, oldest first; appended to a file when `home` is given."""

    def __init__(self, home: Path | None = None) -> None:
        self.messages: list[Message] = []
        # Who people are, where that is known; by their id.
        self.names: dict[str, str] = {}
        self._threads: dict[Thread, list[Message]] = defaultdict(list)
        self._file = -1
        if home is not None:
            self._open(home / FILE)

    def add(
        self,
        by: str,
        page_id: str,
        sender_id: str,
        text: str,
        metadata: str = "",
        messaging_type: str = "",
    ) -> Message:
        """Writes one message down; it is on file before this returns. Raises OSError."""
        message = Message(
            message_id=f"m_{uuid4().hex}",
            page_id=page_id,
            sender_id=sender_id,
            by=by,
            text=text,
            metadata=metadata,
            messaging_type=messaging_type,
            received_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )
        if self._file >= 0:
            line = json.dumps(asdict(message), ensure_ascii=True) + "\n"
            os.write(self._file, line.encode("ascii"))
        self.remember(message)
        return message

    def thread(self, page_id: str, sender_id: str) -> list[Message]:
        """The messages between a page and a contact, oldest first."""
        return self._threads.get((page_id, sender_id), [])

    def people_of(self, page_id: str) -> list[str]:
        """Who has a thread with the page, longest known first."""
        return [sender_id for page, sender_id in self._threads if page == page_id]

    def find_thread(self, conversation_id: str) -> Thread | None:
        """The thread with this conversation id, or None."""
        return next(
            (key for key in self._threads if conversation_id_of(*key) == conversation_id), None
        )

    def close(self) -> None:
        """Closes the file; what was added is in it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole = path.read_bytes() if path.exists() else b""
        for message in _read(whole.splitlines()):
            self.remember(message)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # A kill in the middle of a write leaves half a line; the next message starts a new one.
        if whole and not whole.endswith(b"\n"):
            os.write(self._file, b"\n")

    def remember(self, message: Message) -> None:
        """Keeps a message that is on file, or that is made up anew at every start."""
        self.messages.append(message)
        self._threads[message.page_id, message.sender_id].append(message)


def conversation_id_of(page_id: str, sender_id: str) -> str:
    """The id under which the Graph API shows a thread."""
    return f"t_{page_id}_{sender_id}"


def _read(lines: Iterable[bytes]) -> Iterable[Message]:
    for line in lines:
        try:
            yield Message(**json.loads(line))
        except (ValueError, TypeError):
            continue
