"""This file is where this machine's clock is shown to decide nothing."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from pipeline.clock import DatabaseClock
from pipeline.scheduler import SECONDS_BETWEEN, follow_clock, schedule

NOON = datetime(2027, 3, 28, 12, tzinfo=UTC)


def test_between_two_answers_time_goes_on_by_a_clock_that_nobody_sets() -> None:
    steady = SimpleNamespace(now=100.0)
    clock = DatabaseClock(lambda: steady.now)
    clock.hear(NOON)
    steady.now = 190.0

    assert clock.now() == NOON + timedelta(seconds=90)


def test_before_the_database_has_answered_it_is_about_what_this_machine_says() -> None:
    assert abs(DatabaseClock().now() - datetime.now(UTC)) < timedelta(minutes=1)


class EnoughError(Exception):
    """The test has seen what it wants."""


def run_with_walls(*walls: float) -> list[float]:
    """Seconds until each turn runs, after the machine's clock showed these, a second apart."""

    async def nothing() -> None:
        """A turn."""

    async def turn() -> list[float]:
        turns: Any = SimpleNamespace(**dict.fromkeys(SECONDS_BETWEEN, nothing))
        scheduler = schedule(turns)
        scheduler.start(paused=True)
        late = datetime.now(UTC) + timedelta(hours=5)
        for job in scheduler.get_jobs():
            job.modify(next_run_time=late)
        moments = enumerate(walls)
        now = [0.0, 0.0]

        async def sleep(_: float) -> None:
            step = next(moments, None)
            if step is None:
                raise EnoughError
            now[0], now[1] = step[0] + 1.0, step[1]

        with suppress(EnoughError):
            await follow_clock(scheduler, lambda: now[1], lambda: now[0], sleep)
        left = [
            (job.next_run_time - datetime.now(UTC)).total_seconds() for job in scheduler.get_jobs()
        ]
        scheduler.shutdown(wait=False)
        return left

    return asyncio.run(turn())


def test_a_clock_that_was_set_back_stops_no_turn() -> None:
    assert max(run_with_walls(1.0, 2.0, -17_997.0, -17_996.0)) <= 0


def test_a_clock_that_goes_a_little_wrong_is_left_alone() -> None:
    assert min(run_with_walls(1.0, 2.4, 3.1, 4.0)) > 3600
