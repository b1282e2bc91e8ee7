"""This file is where a worker's contacts of one stage are in hand, each a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.breaker import Guard
from pipeline.model import Held, Job
from pipeline.places import Places
from pipeline.stages import Stage
from pipeline.store import Store

GATHER_SECONDS = 0.02
# While places are kept free, somebody else may come for them.
LOOK_AGAIN_SECONDS = 0.5


class Lane:
    """Claims as there is room; a slow contact delays no other."""

    def __init__(
        self,
        stage: Stage,
        room: int,
        work: Callable[[Held], Awaitable[None]],
        guard: Guard | None = None,
        places: Places | None = None,
    ) -> None:
        self.stage = stage
        self._guard = guard
        self._places = places
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
            claimed, keeps_places_free = await self._claim(store, free)
            taken += claimed
            if claimed < free and not keeps_places_free:
                break
            await self._until_one_ends()
            if self._free() < self._room // 4:
                # Outcomes are written down together, so others end right after; one claim for all.
                await asyncio.sleep(GATHER_SECONDS)
        return taken

    def _free(self) -> int:
        room = self._guard.room(self._room) if self._guard else self._room
        return room - len(self.tasks)

    async def _until_one_ends(self) -> None:
        self._ended.clear()
        try:
            async with asyncio.timeout(LOOK_AGAIN_SECONDS if self._free() > 0 else None):
                await self._ended.wait()
        except TimeoutError:
            pass

    async def _claim(self, store: Store, free: int) -> tuple[int, bool]:
        """How many came, and whether places were kept from somebody who may have more waiting."""
        async with self._claiming:
            before = list(self.tasks.values())
            said = self._places.describe(before, free) if self._places else None
            claimed = await store.claim(self.stage, free, said)
            self.rules |= {held.rule_id for held in claimed if isinstance(held, Job)}
            for held in claimed:
                task = asyncio.ensure_future(self._work(held))
                self.tasks[task] = held
                task.add_done_callback(self._let_go)
        full = self._places and said and self._places.is_anybody_full(said, before, claimed)
        return len(claimed), bool(full)

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
