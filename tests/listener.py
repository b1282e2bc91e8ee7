"""This file is where a program that watches an automation by its stream is played."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.builders import Row

# What grows while nothing happens, and is therefore told only together with something else.
GROWS = ("average_seconds", "oldest_seconds")


@dataclass
class Listener:
    """Keeps the state that events add up to; notes every event that was whole when it was cut."""

    url: str
    headers: dict[str, str]
    state: Any = None
    last_id: str = ""
    events: list[tuple[str, str]] = field(default_factory=list)
    comments: int = 0
    heard: Callable[[str, Any], None] = lambda kind, data: None
    _text: str = ""

    async def listen(self, http: httpx.AsyncClient, enough: Callable[["Listener"], bool]) -> None:
        """One connection, until it is complete or `enough`; then it is cut."""
        headers = {**self.headers, **({"last-event-id": self.last_id} if self.last_id else {})}
        self._text = ""
        async with http.stream("GET", self.url, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for part in answer.aiter_text():
                self._take(part)
                if enough(self):
                    return

    async def listen_and_be_cut(self, http: httpx.AsyncClient, chance: random.Random) -> None:
        """One connection that breaks in the middle of what it gets first, second or third."""
        headers = {**self.headers, **({"last-event-id": self.last_id} if self.last_id else {})}
        self._text = ""
        whole = chance.randrange(3)
        async with http.stream("GET", self.url, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for part in answer.aiter_text():
                self._take(part if whole else part[: len(part) // 2])
                if not whole:
                    return
                whole -= 1

    def _take(self, text: str) -> None:
        self._text += text
        *blocks, self._text = self._text.split("\n\n")
        for block in blocks:
            lines = dict(line.partition(": ")[::2] for line in block.split("\n"))
            if "event" in lines:
                self._hear(lines["id"], lines["event"], json.loads(lines["data"]))
            elif block.startswith(":"):
                self.comments += 1

    def _hear(self, name: str, kind: str, data: Any) -> None:
        self.last_id = name
        self.events.append((kind, name))
        if kind == "init":
            self.state = data
        elif kind == "update":
            self.state = patched(self.state, data)
        self.heard(kind, data)

    def check_numbers(self) -> None:
        """Every update continues the event before it, whatever was cut in between."""
        number, channel = -1, ""
        for kind, name in self.events:
            where, _, text = name.partition("-")
            if kind == "update":
                assert (where, int(text)) == (channel, number + 1), self.events
            elif kind == "complete":
                assert (where, int(text)) == (channel, number), self.events
            elif where == channel:
                raise AssertionError(f"the whole again: {self.events}")
            number, channel = int(text), where


def patched(document: Any, operations: list[Row]) -> Any:
    """JSON Patch as far as a stream uses it, written by the RFC and not by our code."""
    document = json.loads(json.dumps(document))
    for operation in operations:
        value = operation.get("value")
        if operation["op"] == "move":
            holder, key = _place(document, operation["from"])
            value = holder.pop(key)
        holder, key = _place(document, operation["path"])
        if operation["op"] == "remove":
            del holder[key]
        elif operation["op"] == "replace":
            assert key in holder if isinstance(holder, dict) else key < len(holder)
            holder[key] = value
        else:
            holder.insert(key, value)
    return document


def timeless(snapshot: Row) -> Row:
    """What does not grow by itself."""
    stages = [{k: v for k, v in row.items() if k not in GROWS} for row in snapshot["stages"]]
    workers = {**snapshot["workers"], "last_beat_at": None}
    return {**snapshot, "now": None, "stages": stages, "workers": workers}


def _place(document: Any, path: str) -> tuple[Any, Any]:
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for part in way:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document, int(last) if isinstance(document, list) else last
