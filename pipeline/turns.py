"""This file is where a worker's turns are, from plan to roll_up; each does what is due."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pipeline.breaker import Guard, Step, guarded, listening
from pipeline.confirmations import Confirmations
from pipeline.endings import UNFIT, given_up, surprise, unfit
from pipeline.forgetting import Forgetting
from pipeline.lane import Lane
from pipeline.looks import LOOK_FOR_SECONDS
from pipeline.model import Fail, Held, Job, Outcome, Retry, Skip, Unreadable
from pipeline.places import Places
from pipeline.ports import Messenger, Writer
from pipeline.previews import Previews
from pipeline.recorder import Recorder
from pipeline.rows import ids_of, row_of
from pipeline.stages import Stage
from pipeline.steps.check import check
from pipeline.steps.send import send
from pipeline.steps.settle import settle
from pipeline.steps.write import write
from pipeline.store import Store
from pipeline.syncs import Syncs
from pipeline.vault import Vault

log = logging.getLogger("stagelight.worker")

CHECK_BATCH = 500
ROWS_ROLLED_UP = 5000
# A model may think for a while; Facebook has nothing to think about.
QUICK_WRITING_SECONDS = 5.0
QUICK_SENDING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many contacts one worker writes to, and sends to, at the same time."""

    writing: int = 6
    sending: int = 6
    settling: int = 4


@dataclass(frozen=True, slots=True)
class Retention:
    """How long texts (hours after the end) and details of history (days) are kept."""

    text_hours: int = 24
    history_days: int = 30


class Turns:
    """Everything a worker does; each turn may be called at any time and does what is due."""

    # When each turn ran and runs, for /system; the scheduler says it.
    clocks: Callable[[], Mapping[str, object]] = dict
    _rows_rolled_up = ROWS_ROLLED_UP

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        writer: Writer,
        messenger: Messenger,
        vault: Vault,
        capacity: Capacity | None = None,
        retention: Retention | None = None,
        syncs: Syncs | None = None,
        look_for_seconds: float = LOOK_FOR_SECONDS,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._retention = retention or Retention()
        self._look_for_seconds = look_for_seconds
        self._previews = Previews(store, writer)
        self.syncs = syncs
        self.confirm = Confirmations(store, messenger, vault).turn
        self.forget = Forgetting(store, messenger, vault).turn
        self._stopping = False
        self._checking, self._previewing = asyncio.Lock(), asyncio.Lock()
        self.version = ""
        self._open_lanes(writer, messenger, vault, capacity or Capacity())

    def _open_lanes(
        self, writer: Writer, messenger: Messenger, vault: Vault, room: Capacity
    ) -> None:
        google = Guard(lambda job: job.model)
        # An unclear send that did arrive costs a look at the thread, not a try.
        facebook = Guard(opens_after=5)
        now = self._store.clock.now
        models = Places(lambda job: job.model, QUICK_WRITING_SECONDS, google.rooms)
        pages = Places(lambda job: job.facebook_page_id, QUICK_SENDING_SECONDS)
        writes = guarded(models.timed(lambda job: write(job, writer)), google)
        sends = guarded(pages.timed(lambda job: send(job, messenger, vault, now())), facebook)
        settles = listening(lambda job: self._look(job, messenger, vault), facebook)
        self.writing = Lane(
            Stage.ELIGIBLE, room.writing, partial(self._run, writes), google, models
        )
        self.sending = Lane(
            Stage.READY_TO_SEND, room.sending, partial(self._run, sends), facebook, pages
        )
        self.settling = Lane(Stage.SENDING, room.settling, partial(self._run, settles))
        self.lanes = (self.writing, self.sending, self.settling)

    async def plan(self) -> None:
        """Queues what the schedule says is due."""
        while (queued := await self._store.enqueue_due())["rules"] and not self._stopping:
            log.info("plan", extra=queued)

    async def check(self) -> None:
        """Verifies queued contacts, batch after batch."""
        while not self._stopping:
            async with self._checking:
                claimed = await self._store.claim_to_check(CHECK_BATCH)
                if not claimed:
                    break
                log.info("check", extra={"reasons": await check(claimed, self._store)})

    async def write(self) -> None:
        """Has messages written for eligible contacts."""
        await self._fill(self.writing, "write")

    async def send(self) -> None:
        """Hands written messages to Facebook."""
        await self._fill(self.sending, "send")

    async def settle(self) -> bool:
        """Finds out what became of sends with an unknown outcome, and ends what is over.

        Whether there may be more, of a page whose next place for a call comes soon.
        """
        taken = await self._fill(self.settling, "settle")
        if completed := await self._store.complete():
            log.info("complete", extra={"contacts": completed})
        return taken > 0

    async def preview(self) -> None:
        """Has test messages written that people wait for."""
        async with self._previewing:
            if not self._stopping and (written := await self._previews.turn()):
                log.info("preview", extra={"messages": written})

    async def sync(self) -> None:
        """Takes up pages whose conversations are due to be read."""
        if self.syncs and (taken := await self.syncs.turn()):
            log.info("sync", extra={"pages": taken})

    async def beat(self) -> None:
        """Says that this worker lives and what it holds; takes back what a dead one held."""
        held = [job.state_id for lane in self.lanes for job in lane.tasks.values()]
        await self._store.beat(self.version, self.doing(), held, dict(self.clocks()))
        if reclaimed := await self._store.reclaim():
            log.warning("reclaimed", extra={"contacts": reclaimed})

    async def maintain(self) -> None:
        """Keeps the database in order: days of history, old texts, old minutes."""
        done = await self._store.maintain(self._retention.text_hours, self._retention.history_days)
        if any(done.values()):
            log.info("maintain", extra=done)

    async def roll_up(self) -> None:
        """Brings the figures of /analytics up to date; a call that was too long is made shorter."""
        while not self._stopping:
            rows, self._rows_rolled_up = self._rows_rolled_up, max(self._rows_rolled_up // 4, 50)
            answer = await self._store.roll_up(rows)
            self._rows_rolled_up = min(rows * 2, ROWS_ROLLED_UP)
            if not answer.get("more"):
                break

    def doing(self) -> str:
        """What is in hand, in words for /system."""
        return f"writing {len(self.writing.tasks)}, sending {len(self.sending.tasks)}"

    async def finish(self, within_seconds: float) -> None:
        """Claims nothing more and waits for what is in hand; what does not end in time is given up.

        A contact being written to goes back at once; one being sent to is looked up like any other
        whose outcome is unknown.
        """
        self._stopping = True
        for lane in self.lanes:
            lane.stop()
        if self.syncs:
            self.syncs.stop()
        try:
            async with asyncio.timeout(within_seconds), self._checking, self._previewing:
                for lane in self.lanes:
                    await lane.drain()
                if self.syncs:
                    await self.syncs.drain()
        except TimeoutError:
            await self._give_up()
        await self._store.beat(self.version, "stopped", [], stopping=True)

    async def _give_up(self) -> None:
        if self.syncs:
            self.syncs.give_up()
        tasks = {task: held for lane in self.lanes for task, held in lane.tasks.items()}
        for task in tasks:
            task.cancel()
        rows = [row_of(held, given_up(held)) for held in tasks.values()]
        log.warning("given up", extra={"state_ids": [row["state_id"] for row in rows]})
        await asyncio.gather(*(self._recorder.record(row) for row in rows))

    async def _look(self, job: Job, messenger: Messenger, vault: Vault) -> Outcome:
        clock = self._store.clock
        if not clock.is_known:
            # How old a try is, is asked of the database's clock, and of no other.
            await self.beat()
        return await settle(job, messenger, vault, clock.now(), self._look_for_seconds)

    async def _fill(self, lane: Lane, name: str) -> int:
        if taken := await lane.turn(self._store):
            log.info(name, extra={"contacts": taken, "rules": sorted(lane.rules)})
            lane.rules.clear()
        return taken

    async def _run(self, step: Step, held: Held) -> None:
        about = ids_of(held)
        try:
            outcome = unfit(held) if isinstance(held, Unreadable) else await step(held)
        except Exception:
            # A mistake of ours in one contact must not end the turn of the others.
            log.exception("surprise", extra=about)
            outcome = surprise(held, self._store.clock.now())
        problem = await self._recorder.record(row_of(held, outcome))
        if problem in UNFIT:
            # It would be written to again and again, and each time for nothing.
            await self._recorder.record(row_of(held, unfit(held)))
        if problem or isinstance(outcome, Retry | Skip | Fail):
            code = getattr(outcome, "code", "")
            log.warning("trouble", extra={**about, "code": code, "problem": problem})
