"""This file is where a worker's calls are met halfway: held, cut, or answered with a SIGKILL.

One gate stands between one worker and everything it talks to, so production code needs no hook.
A point is a call and a side: before it reaches the other end, or after it was done there and
before the worker hears of it.
"""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

Action = Callable[[], Awaitable[None]]


class CutError(Exception):
    """The connection ends here."""


@dataclass(slots=True)
class Trap:
    """What happens at the first call that meets it; `containing` looks into the call's body."""

    point: str
    side: str
    action: Action
    containing: str = ""

    def meets(self, point: str, side: str, body: bytes) -> bool:
        """Whether this is the call."""
        return (self.point, self.side) == (point, side) and self.containing.encode() in body


class Gate:
    """An HTTP/1.1 proxy on 127.0.0.1:`port` for one worker."""

    def __init__(self, port: int, database_url: str, sandbox_url: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.trap: Trap | None = None
        self.calls: dict[str, int] = {}
        self.under_way: Counter[str] = Counter()
        self.heard: Callable[[str, bytes], None] | None = None
        """Told of every call, with its body, before it goes on."""
        self.port = port
        self._ends = {False: _address(database_url), True: _address(sandbox_url)}
        self._servers: list[asyncio.Server] = []
        self._meetings: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listens from now on."""
        self._servers.append(await asyncio.start_server(self._meet, "127.0.0.1", self.port))

    async def open_on(self, listening: socket.socket) -> None:
        """Listens there as well."""
        self._servers.append(await asyncio.start_server(self._meet, sock=listening))

    async def close(self) -> None:
        """Listens no more."""
        for server in self._servers:
            server.close()
        for meeting in self._meetings:
            meeting.cancel()
        await asyncio.gather(*self._meetings, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        meeting = asyncio.current_task()
        assert meeting is not None
        self._meetings.add(meeting)
        meeting.add_done_callback(self._meetings.discard)
        far: dict[bool, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        gone = (CutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        try:
            with suppress(*gone):
                while True:
                    writer.write(await self._pass(await _read(reader), far))
                    await writer.drain()
        finally:
            for end in (writer, *(pair[1] for pair in far.values())):
                end.transport.abort()

    async def _pass(
        self,
        call: tuple[bytes, bytes],
        far: dict[bool, tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    ) -> bytes:
        head, body = call
        point, outside = name_of(head, body)
        self.calls[point] = self.calls.get(point, 0) + 1
        if self.heard is not None:
            self.heard(point, body)
        self.under_way[point] += 1
        try:
            return await self._carry(call, far, point, outside)
        finally:
            self.under_way[point] -= 1

    async def _carry(
        self,
        call: tuple[bytes, bytes],
        far: dict[bool, tuple[asyncio.StreamReader, asyncio.StreamWriter]],
        point: str,
        outside: bool,
    ) -> bytes:
        head, body = call
        await self._spring(point, "before", body)
        if outside not in far:
            far[outside] = await asyncio.open_connection(*self._ends[outside])
        near, to = far[outside]
        to.write(head + body)
        answer_head, answer = await _read(near)
        if not (point.startswith("claim") and answer.strip() == b"[]"):
            await self._spring(point, "after", body)
        return answer_head + answer

    async def _spring(self, point: str, side: str, body: bytes) -> None:
        trap = self.trap
        if trap is not None and trap.meets(point, side, body):
            self.trap = None
            await trap.action()


def name_of(head: bytes, body: bytes) -> tuple[str, bool]:
    """The point a call stands for, and whether it goes to Google or Facebook."""
    path = head.split(b" ", 2)[1].decode().partition("?")[0]
    if path.startswith("/google"):
        return "google", True
    if path.startswith("/graph"):
        return ("facebook:send" if path.endswith("/messages") else "facebook:read"), True
    name = path.rpartition("/")[2]
    arguments = json.loads(body) if body else {}
    if name == "claim_contacts":
        return f"claim:{arguments['p_stage']}", False
    if name == "record_outcomes":
        return f"record:{arguments['p_outcomes'][0]['to_stage']}", False
    return name, False


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """One request or answer: its head, and as much body as it says it has."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            raise CutError("chunks are not understood here")
    return head, await reader.readexactly(length) if length else b""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
