"""This file is where it is said when each turn runs, and nothing else."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from pipeline.lease import read_clock
from pipeline.recorder import advice_on, is_passing, name_of
from pipeline.turns import Turns

log = logging.getLogger("stagelight.scheduler")

# For a lease of 30 s; what depends on the lease is shorter where that is.
SECONDS_BETWEEN = {
    "plan": 5.0,
    "check": 0.5,
    "write": 0.5,
    "send": 0.5,
    "settle": 3.0,
    "preview": 1.0,
    "sync": 2.0,
    "confirm": 2.0,
    "forget": 5.0,
    "beat": 5.0,
    "maintain": 60.0,
    "roll_up": 30.0,
}
# A turn that has found something and left more for the page's next place comes again so soon.
AGAIN_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
SECONDS_THAT_ARE_A_JUMP = 2.0
# Five beats may fail before a living worker loses its contacts.
SHARE_OF_LEASE = {"beat": 1 / 6, "settle": 1 / 10}

Sleep = Callable[[float], Awaitable[None]]


def schedule(
    turns: Turns, sleep: Sleep = asyncio.sleep, lease_seconds: float = 30.0
) -> AsyncIOScheduler:
    """A scheduler, not yet started, that runs every turn by itself and never one twice at once."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    shares = {name: share * lease_seconds for name, share in SHARE_OF_LEASE.items()}
    for name, usual in SECONDS_BETWEEN.items():
        seconds = min(usual, shares.get(name, usual))
        scheduler.add_job(
            partial(guarded, name, getattr(turns, name), Pause(), sleep),
            "interval",
            seconds=seconds,
            id=name,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    return scheduler


class Clocks:
    """How many seconds ago each turn ended, and in how many it comes next: no clock is compared."""

    def __init__(self, scheduler: AsyncIOScheduler) -> None:
        self._scheduler = scheduler
        self._ended: dict[str, float] = {}
        scheduler.add_listener(self._note, EVENT_JOB_EXECUTED)

    def __call__(self) -> dict[str, dict[str, float | None]]:
        """By turn: last, next; None for what has not been yet, or does not come again."""
        now = time.time()
        return {
            job.id: {
                "last": round(now - self._ended[job.id], 1) if job.id in self._ended else None,
                "next": round(job.next_run_time.timestamp() - now, 1)
                if job.next_run_time
                else None,
            }
            for job in self._scheduler.get_jobs()
        }

    def _note(self, event: JobExecutionEvent) -> None:
        self._ended[event.job_id] = time.time()


async def follow_clock(
    scheduler: AsyncIOScheduler,
    wall: Callable[[], float] = time.time,
    steady: Callable[[], float] = read_clock,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Runs every turn at once when this machine's clock was set; runs until cancelled.

    APScheduler keeps times of day: set back by five hours, it would do nothing for five hours.
    """
    before = wall() - steady()
    while True:
        await sleep(1.0)
        ahead = wall() - steady()
        if abs(ahead - before) > SECONDS_THAT_ARE_A_JUMP:
            log.warning("clock was set", extra={"seconds": round(ahead - before, 1)})
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))
        before = ahead


class Pause:
    """How long a turn waits after it went wrong: doubling, then steady."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def lengthen(self) -> float:
        """The next wait, in seconds."""
        self.seconds = min(max(self.seconds * 2, 0.5), LONGEST_PAUSE_SECONDS)
        return self.seconds


async def guarded(
    name: str,
    turn: Callable[[], Awaitable[bool | None]],
    pause: Pause,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """One turn, and others while it says that there may be more.

    Whatever goes wrong in it is logged and waited for, and the next turn comes.
    """
    try:
        while await turn():
            await sleep(AGAIN_SECONDS)
    except Exception as error:
        wait = pause.lengthen()
        about = {"turn": name, "seconds": wait, "error": name_of(error)}
        if is_passing(error):
            log.warning("waiting", extra={**about, "advice": advice_on(error)})
        else:
            log.exception("surprise", extra=about)
        await sleep(wait)
    else:
        pause.seconds = 0.0
