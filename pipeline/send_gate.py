"""This file is where live sending is held until a receiver is alive and up to date."""

import logging
from collections.abc import Callable

from pipeline.lease import read_clock
from pipeline.store import Store

log = logging.getLogger("stagelight.send_gate")

ASK_EVERY_SECONDS = 5.0
LONGEST_BEHIND_SECONDS = 60.0
BEHIND = (
    "What contacts wrote has waited for more than a minute to be worked on, and a STOP may be in "
    "it. Messages that are written wait until the receiver has caught up."
)
NO_RECEIVER = (
    "No webhook receiver is running, so nobody's STOP or reply could reach us. Start one with "
    "`make receiver`; messages that are written wait for it."
)


class SendGate:
    """Open while a receiver lives and has worked on what it heard, within a minute each."""

    def __init__(self, store: Store, clock: Callable[[], float] = read_clock) -> None:
        self._store = store
        self._clock = clock
        self._asked_at = float("-inf")
        self._said = ""
        self._open = False

    async def open(self) -> bool:
        """Whether anything may be sent now; with the database away, what it raises."""
        if self._clock() - self._asked_at >= ASK_EVERY_SECONDS:
            # First closed: an answer that does not come is not a yes.
            self._open = False
            alive, behind = await self._store.hearing()
            self._open = alive > 0 and behind <= LONGEST_BEHIND_SECONDS
            self._asked_at = self._clock()
            await self._tell("" if self._open else NO_RECEIVER if not alive else BEHIND)
        return self._open

    async def _tell(self, why: str) -> None:
        if why != self._said:
            await self._store.hold_sending(why)
            self._said = why
            log.warning("sending held" if why else "sending goes on")
