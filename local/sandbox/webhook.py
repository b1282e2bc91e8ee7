"""This file is where what happens at Facebook is posted on, signed, in order, until it is taken."""

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Coroutine
from typing import Any

import httpx

from local.sandbox.faults import Fault, Faults
from local.sandbox.mailbox import Message
from local.sandbox.network import NO_DELAY, Delay
from local.sandbox.webhook_events import Event, delivered, packed, read, said

TIMEOUT_SECONDS = 5.0
MOST_WAITING = 20_000
MOST_AT_ONCE = 50
LONGEST_WAIT_SECONDS = 5.0
# Like the recipients of graph.py: nobody learns when these people read.
TELLS_NOTHING = "9"


class Webhook:
    """Where events go; without an address there are none."""

    def __init__(
        self, url: str, app_secret: str, faults: Faults | None = None, read_delay: Delay = NO_DELAY
    ) -> None:
        self._url = url
        self._app_secret = app_secret
        self._faults = faults or Faults()
        self._read_delay = read_delay
        self._waiting: deque[Event] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._posting: asyncio.Task[None] | None = None
        self._hold_until = 0.0

    async def post(self, message: Message) -> int | None:
        """Posts what a contact wrote; the receiver's HTTP status, or None when it was not posted.

        What was not taken then is posted again like everything else. Raises httpx.HTTPError.
        """
        event = said(message)
        fault = self._meet(event)
        if not self._url or (fault and fault.kind == "webhook-dropped"):
            return None
        if fault and fault.kind in ("webhook-delay", "webhook-out-of-order"):
            self._later(fault.seconds, event)
            return None
        try:
            status = await self._call(packed([event]))
        except httpx.HTTPError:
            self._queue(event)
            raise
        if status != httpx.codes.OK:
            self._queue(event)
        if fault and fault.kind == "webhook-duplicate":
            status = await self._call(packed([event]))
        return status

    def received(self, message: Message) -> None:
        """A page's message was received: it is echoed, delivered, and read a little later."""
        if not self._url:
            return
        self._tell(said(message))
        self._tell(delivered(message))
        if not message.sender_id.endswith(TELLS_NOTHING):
            self._start(self._read(message))

    async def _read(self, message: Message) -> None:
        await self._read_delay.wait()
        self._tell(read(message))

    def _tell(self, event: Event) -> None:
        fault = self._meet(event)
        kind = fault.kind if fault else ""
        if fault and kind == "webhook-out-of-order":
            self._later(fault.seconds, event)
            return
        if fault and kind == "webhook-delay":
            self._hold_until = asyncio.get_running_loop().time() + fault.seconds
        if kind != "webhook-dropped":
            self._queue(*([event] * (2 if kind == "webhook-duplicate" else 1)))

    def _meet(self, event: Event) -> Fault | None:
        return self._faults.take("facebook", "webhook", event.person, event.kind)

    def _later(self, seconds: float, event: Event) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            self._queue(event)

        self._start(wait())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _queue(self, *events: Event) -> None:
        self._waiting.extend(events)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
        if self._posting is None or self._posting.done():
            self._posting = asyncio.create_task(self._post_all())

    async def _post_all(self) -> None:
        """Until nothing waits; what is not taken is posted again, and what comes after it waits."""
        wait = 0.2
        while self._waiting:
            await asyncio.sleep(self._hold_until - asyncio.get_running_loop().time())
            batch = list(self._waiting)[:MOST_AT_ONCE]
            try:
                taken = await self._call(packed(batch)) == httpx.codes.OK
            except httpx.HTTPError:
                taken = False
            if taken:
                wait = 0.2
                for _ in batch:
                    self._waiting.popleft()
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _call(self, told: dict[str, Any]) -> int:
        body = json.dumps(told).encode()
        signature = hmac.new(self._app_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as http:
            response = await http.post(self._url, content=body, headers=headers)
        return response.status_code
