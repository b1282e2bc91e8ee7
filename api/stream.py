"""This file is where one program's stream of an automation is written: init, update, complete."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from starlette.types import Receive, Scope, Send

from api.channel import Channel
from pipeline.feed import Feed

STREAM_SECONDS = 60.0
HEARTBEAT_SECONDS = 10.0
# Whether the sign-in still holds is asked no more often than this.
CHECK_SECONDS = 2.0
# The client comes back after this; it says so itself, because clients choose differently.
RETRY_MS = 1000
# Who takes nothing for so long after the end is cut off.
GRACE_SECONDS = 15.0
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """An ASGI response. Nothing is queued for it: it holds the number of the last event it sent."""

    def __init__(
        self,
        channel: Channel,
        feed: Feed,
        last_event_id: str,
        ends_at: float,
        holds: Callable[[], bool],
        stopping: Callable[[], bool],
    ) -> None:
        self._channel = channel
        self._number = channel.number_of(last_event_id)
        self._key = channel.join(feed)
        self._until = time.monotonic() + min(STREAM_SECONDS, ends_at - time.time())
        self._expires = ends_at - time.time() < STREAM_SECONDS
        self._holds = holds
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Writes until it is complete, or until the client has left."""
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait(
                {writing, leaving},
                timeout=STREAM_SECONDS + GRACE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._channel.leave(self._key)
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        async for text in self._texts():
            body = text.encode(errors="replace")
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _texts(self) -> AsyncIterator[str]:
        yield f"retry: {RETRY_MS}\n\n"
        quiet_since = time.monotonic()
        checked_at = 0.0
        reason = ""
        while not reason:
            events, newest = self._channel.after(self._number)
            for event in events:
                yield event
            self._number = newest
            now = time.monotonic()
            if events:
                quiet_since = now
            elif now - quiet_since >= HEARTBEAT_SECONDS:
                quiet_since = now
                yield ": still here\n\n"
            await self._channel.wait(newest, min(1.0, max(self._until - now, 0.01)))
            if time.monotonic() - checked_at > CHECK_SECONDS:
                checked_at = time.monotonic()
                reason = "" if self._holds() else "signed_out"
            reason = reason or self._why_complete()
        yield self._channel.event("complete", self._last_words(reason), self._number)

    def _why_complete(self) -> str:
        if self._channel.gone:
            return "gone"
        if self._key not in self._channel.streams:
            return "signed_out"
        if self._stopping():
            return "restart"
        if time.monotonic() >= self._until:
            return "token_expired" if self._expires else "time"
        return ""

    def _last_words(self, reason: str) -> dict[str, str]:
        return {"reason": reason, "at": datetime.now(UTC).isoformat()}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
