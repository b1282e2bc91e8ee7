"""This file is where many requests are sent over few connections, for little work of its own."""

import asyncio
import time
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit


class Sender(asyncio.Protocol):
    """One connection that sends the same request again as soon as it is answered."""

    def __init__(self, request: bytes, until: float, times: list[float]) -> None:
        self._request = request
        self._until = until
        self._times = times
        self._head = b""
        self._missing = -1
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first."""
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Counts the body; an answer that is no 200 ends the measurement."""
        if self._missing < 0:
            self._head += data
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self._end(RuntimeError(self._head.decode()))
                return
            self._missing = _length(head) - len(body)
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._times.append((time.perf_counter() - self._sent) * 1000)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """An end that nobody wanted."""
        self._end(exc or ConnectionError("the connection was closed"))

    def _send(self) -> None:
        self._head, self._missing, self._sent = b"", -1, time.perf_counter()
        if self._sent > self._until:
            self._end(None)
        else:
            self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
        self._transport.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise RuntimeError("an answer without Content-Length")


def request(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The request's bytes."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def keep_asking(url: str, asked: bytes, connections: int, seconds: float) -> list[float]:
    """Milliseconds of every answer within `seconds`; raises on any answer that is no 200."""
    parts = urlsplit(url)
    times: list[float] = []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    senders = [
        (
            await loop.create_connection(
                lambda: Sender(asked, until, times), str(parts.hostname), int(parts.port or 80)
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(sender.done for sender in senders))
    return times
