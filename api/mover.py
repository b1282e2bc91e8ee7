"""This file is where events go from the spool into the database, and are worked on there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import chain, islice
from typing import Any

import httpx
from postgrest import APIError

from api.spool import Spool, SpoolFile
from api.tally import Tally
from pipeline.inbox import Inbox
from pipeline.lease import read_clock
from pipeline.recorder import is_passing, name_of
from pipeline.store import UnreadableAnswerError

log = logging.getLogger("stagelight.receiver")

BATCH = 500
WORK_BATCH = 200
LOOK_AGAIN_SECONDS = 1.0
BEAT_SECONDS = 5.0
ADOPT_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 5.0
DEAF_SECONDS = 60.0
# PostgreSQL's code for a statement that reached its time limit.
TOO_SLOW = "57014"
AWAY = (APIError, httpx.HTTPError, UnreadableAnswerError)

Row = dict[str, Any]


class Mover:
    """Runs beside the web server; the database may be away for as long as the disk has room."""

    def __init__(self, spool: Spool, inbox: Inbox, tally: Tally) -> None:
        self._spool = spool
        self._inbox = inbox
        self._tally = tally
        self._stored = asyncio.Event()
        self._batch = WORK_BATCH
        self._emptied_at = read_clock()

    async def run(self) -> None:
        """Moves, works, beats and adopts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again(self.move, self._spool.arrived, LOOK_AGAIN_SECONDS))
            tasks.create_task(self._again(self.work, self._stored, LOOK_AGAIN_SECONDS))
            tasks.create_task(self._again(self.beat, asyncio.Event(), BEAT_SECONDS))
            tasks.create_task(self._again(self.forget, asyncio.Event(), BEAT_SECONDS))
            tasks.create_task(self._again(self.adopt, asyncio.Event(), ADOPT_SECONDS))

    async def move(self) -> None:
        """Stores everything that is on disk. What is told twice, after a crash, is stored once."""
        self._spool.arrived.clear()
        await self._spool.rotate()
        while (file := self._spool.next_closed()) is not None:
            await self._store(file)
            self._spool.drop(file)
            self._stored.set()
            await self._spool.rotate()
        self._emptied_at = read_clock()

    async def _store(self, file: SpoolFile) -> None:
        events = chain.from_iterable(file.lines())
        while batch := list(islice(events, BATCH)):
            try:
                answer = await self._inbox.store(batch)
            except AWAY as error:
                if is_passing(error):
                    raise
                await self._one_by_one(batch)
                continue
            self._tally.stored += answer["stored"]
            self._tally.known += answer["known"]

    async def _one_by_one(self, batch: list[Row]) -> None:
        """One event that the database refuses for good must not keep the others out."""
        for event in batch:
            try:
                answer = await self._inbox.store([event])
            except AWAY as error:
                if is_passing(error):
                    raise
                self._tally.refused += 1
                log.error("event refused", extra={"error": name_of(error)})  # noqa: TRY400
                continue
            self._tally.stored += answer["stored"]
            self._tally.known += answer["known"]

    async def work(self) -> None:
        """Works on what is stored until nothing more is due."""
        self._stored.clear()
        while (done := await self._work())["taken"]:
            self._tally.worked += done["worked"]
            if done["failed"]:
                self._tally.failed += done["failed"]
                log.warning("events failed", extra={"events": done["failed"]})

    async def _work(self) -> Row:
        """Of one page. What took too long all at once is done in smaller parts."""
        try:
            done = await self._inbox.work(self._batch)
        except APIError as error:
            if error.code == TOO_SLOW:
                self._batch = max(self._batch // 2, 1)
            raise
        self._batch = min(self._batch * 2, WORK_BATCH)
        return done

    async def beat(self, *, stopping: bool = False) -> None:
        """Says that this receiver lives; learns how far behind the work is."""
        if self._spool.bytes and read_clock() - self._emptied_at > DEAF_SECONDS and not stopping:
            # It hears, and tells nobody; without a beat no worker sends to who may have said STOP.
            log.error("what was heard cannot be handed on", extra={"bytes": self._spool.bytes})
            return
        answer = await self._inbox.beat(self._spool.bytes, self._tally.heard_at, stopping=stopping)
        self._tally.learn(answer)

    async def forget(self) -> None:
        """Deletes whom it is known to delete, also where no worker runs."""
        if gone := (await self._inbox.forget())["gone"]:
            log.info("forgotten", extra={"contacts": gone})

    async def adopt(self) -> None:
        """Takes over what receivers that are gone have left."""
        if found := self._spool.adopt():
            log.info("adopted", extra={"files": found})

    async def _again(
        self, turn: Callable[[], Awaitable[None]], wake: asyncio.Event, seconds: float
    ) -> None:
        pause = 0.2
        while True:
            try:
                await turn()
                pause = 0.2
            except Exception as error:
                about = {"turn": turn.__name__, "error": name_of(error)}
                if is_passing(error):
                    self._tally.database_up = False
                    log.warning("waiting", extra=about)
                else:
                    log.exception("surprise", extra=about)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), seconds)
