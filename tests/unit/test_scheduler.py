"""This file is where turns are shown to come again, whatever happened in the last one."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from postgrest import APIError

from pipeline.scheduler import (
    AGAIN_SECONDS,
    LONGEST_PAUSE_SECONDS,
    SECONDS_BETWEEN,
    Clocks,
    Pause,
    guarded,
    schedule,
)


class Waits(list[float]):
    """Keeps the waits instead of waiting."""

    async def sleep(self, seconds: float) -> None:
        """Returns at once."""
        self.append(seconds)


def failing(error: Exception) -> Any:
    """A turn in which this goes wrong."""

    async def turn() -> None:
        raise error

    return turn


async def good() -> None:
    """A turn in which all is well."""


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("away"),
        APIError({"code": "57P01", "message": "words"}),
        ValueError("ours"),
        KeyError("theirs"),
    ],
)
def test_a_turn_that_goes_wrong_is_waited_for_longer_every_time(error: Exception) -> None:
    waits, pause = Waits(), Pause()

    async def turns() -> None:
        for _ in range(7):
            await guarded("send", failing(error), pause, waits.sleep)

    asyncio.run(turns())

    assert waits == [0.5, 1, 2, 4, 8, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


def test_after_a_good_turn_the_pause_is_short_again() -> None:
    waits, pause = Waits(), Pause()

    async def turns() -> None:
        for turn in (failing(ValueError()), failing(ValueError()), good, failing(ValueError())):
            await guarded("send", turn, pause, waits.sleep)

    asyncio.run(turns())

    assert waits == [0.5, 1, 0.5]


def test_a_turn_that_leaves_something_for_soon_comes_again_soon() -> None:
    waits, left = Waits(), [True, True, False]

    async def turn() -> bool:
        return left.pop(0)

    asyncio.run(guarded("settle", turn, Pause(), waits.sleep))

    assert (waits, left) == ([AGAIN_SECONDS] * 2, [])


def test_what_went_wrong_is_logged_by_its_kind_only(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(guarded("send", failing(ValueError("Amina")), Pause(), Waits().sleep))

    [record] = caplog.records
    assert (record.getMessage(), vars(record)["error"]) == ("surprise", "ValueError")
    assert "Amina" not in record.getMessage()


def test_a_surprise_in_a_turn_does_not_end_its_schedule() -> None:
    waits = Waits()

    async def run() -> None:
        thrice = asyncio.Event()

        async def bad() -> None:
            if len(waits) == 2:
                thrice.set()
            raise RuntimeError

        turns: Any = SimpleNamespace(**{**dict.fromkeys(SECONDS_BETWEEN, good), "check": bad})
        scheduler = schedule(turns, waits.sleep)
        scheduler.reschedule_job("check", trigger="interval", seconds=0.01)
        scheduler.start()
        async with asyncio.timeout(10):
            await thrice.wait()
        scheduler.shutdown(wait=False)

    asyncio.run(run())

    assert waits[:2] == [0.5, 1]


def test_no_turn_runs_beside_itself_and_one_that_is_late_runs_all_the_same() -> None:
    turns = SimpleNamespace(**dict.fromkeys(SECONDS_BETWEEN, good))

    jobs = schedule(turns).get_jobs()  # type: ignore[arg-type]

    assert {job.id for job in jobs} == set(SECONDS_BETWEEN)
    kept = {(job.max_instances, job.coalesce, job.misfire_grace_time) for job in jobs}
    assert kept == {(1, True, None)}


def test_a_worker_can_say_when_each_turn_was_and_will_be():
    async def run() -> tuple[dict, dict]:
        scheduler = schedule(SimpleNamespace(**dict.fromkeys(SECONDS_BETWEEN, good)))  # type: ignore[arg-type]
        clocks = Clocks(scheduler)
        before = clocks()
        scheduler.start()
        done = asyncio.Event()
        scheduler.add_listener(lambda event: done.set() if event.job_id == "beat" else None)
        await asyncio.wait_for(done.wait(), 20)
        await asyncio.sleep(0)
        after = clocks()
        scheduler.shutdown(wait=False)
        return before, after

    before, after = asyncio.run(run())
    assert set(before) == set(after) == set(SECONDS_BETWEEN)
    assert before["beat"]["last"] is None
    assert after["beat"]["last"] is not None
    assert all(turn["next"] is not None for turn in after.values())
