"""This file is where a worker's contacts of one stage are in hand, each a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.breaker import Guard
from pipeline.model import Held, Job
from pipeline.stages import Stage
from pipeline.store import Store

GATHER_SECONDS = 0.02


class Lane:
    """Claims as there is room; a slow contact delays no other."""

    def __init__(
        self,
        stage: Stage,
        room: int,
        work: Callable[[Held], Awaitable[None]],
        guard: Guard | None = None,
    ) -> None:
        self.stage = stage
        self._guard = guard
        self._room = room
        self._work = work
        self.tasks: dict[asyncio.Task[None], Held] = {}
        self.may_claim: Callable[[], Awaitable[bool]] | None = None
        self._claiming = asyncio.Lock()
        # asyncio.wait would look at every task in hand each time one ends.
        self._ended = asyncio.Event()
        self._stopping = False
        self.rules: set[str] = set()

    async def turn(self, store: Store) -> int:
        """Fills the lane until nothing more is due; returns how many were taken."""
        taken = 0
        while not self._stopping and (free := self._free()) > 0:
            if self.may_claim and not await self.may_claim():
                break
            claimed = await self._claim(store, free)
            taken += claimed
            if claimed < free:
                break
            self._ended.clear()
            await self._ended.wait()
            if self._free() < self._room // 4:
                # Outcomes are written down together, so others end right after; one claim for all.
                await asyncio.sleep(GATHER_SECONDS)
        return taken

    def _free(self) -> int:
        room = self._guard.room(self._room) if self._guard else self._room
        return room - len(self.tasks)

    async def _claim(self, store: Store, free: int) -> int:
        async with self._claiming:
            claimed = await store.claim(self.stage, free)
            self.rules |= {held.rule_id for held in claimed if isinstance(held, Job)}
            for held in claimed:
                task = asyncio.ensure_future(self._work(held))
                self.tasks[task] = held
                task.add_done_callback(self._let_go)
        return len(claimed)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        self._ended.set()

    def stop(self) -> None:
        """From now on nothing is claimed."""
        self._stopping = True

    async def drain(self) -> None:
        """Returns when nothing is in hand; a claim under way still brings contacts."""
        async with self._claiming:
            pass
        while self.tasks:
            await asyncio.wait(self.tasks)
