"""This file is where a stream that comes back is given what it lacks: events, or the whole."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api import channel as module
from api.allowance import Allowance
from api.channel import Channel, Channels, pause_after
from pipeline import readings
from pipeline.answers import FeedError

START = datetime(2026, 11, 23, tzinfo=UTC)


class Reader:
    """A person whose automation changes with every reading, as long as it is there."""

    person = "ana"

    def __init__(self) -> None:
        self.readings = 0
        self.there = True

    async def snapshot(self, *_: Any) -> Any:
        self.readings += 1
        if not self.there:
            return None
        moment = START + timedelta(seconds=self.readings)
        return {
            "now": moment.isoformat(),
            "rule": {"sent_today": self.readings},
            "workers": {"alive": 1, "last_beat_at": None},
            "stages": [],
            "contacts": [],
        }


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(readings, "MOMENTS", readings.Shared())
    monkeypatch.setattr(module, "FRESH_SECONDS", -1)
    return Reader()


async def after(reader: Any, changes: int) -> Channel:
    here = Channel("rule")
    for _ in range(changes + 1):
        await here.refresh(reader)
    return here


def kinds(events: list[str]) -> list[str]:
    return [event.split("\n")[1].removeprefix("event: ") for event in events]


def ids(events: list[str]) -> list[str]:
    return [event.split("\n")[0].removeprefix("id: ") for event in events]


def test_who_comes_back_gets_exactly_what_it_lacks(reader):
    here = asyncio.run(after(reader, 5))

    events, newest = here.after(2)

    assert (kinds(events), newest) == (["update"] * 3, 5)
    assert [here.number_of(name) for name in ids(events)] == [3, 4, 5]
    assert here.after(5) == ([], 5)


def test_who_is_new_or_was_away_too_long_or_comes_from_elsewhere_gets_the_whole(
    reader, monkeypatch
):
    monkeypatch.setattr(module, "KEPT_EVENTS", 3)
    here, other = asyncio.run(after(reader, 5)), Channel("rule")

    for number in (-1, 0, 1, 6, other.number_of("x-1"), here.number_of(f"{other._name}-5")):
        events, newest = here.after(number)
        assert (kinds(events), newest) == (["init"], 5)
    assert kinds(here.after(2)[0]) == ["update"] * 3
    for nonsense in ("", "x", "-1", "x-y", f"{here._name}-", f"{here._name}-²", "9" * 5000):
        assert here.number_of(nonsense) == -1


def test_many_streams_are_one_reading_a_tick_and_nobody_reads_for_nobody(reader, monkeypatch):
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)

    async def watch() -> tuple[int, int, int]:
        channels = Channels(lambda: False)
        here = await channels.find(reader, "rule")
        assert here is not None
        before = reader.readings
        keys = [here.join(reader) for _ in range(100)]
        number = here.after(-1)[1]
        await here.wait(number, 5)
        at_once = reader.readings - before
        for key in keys:
            here.leave(key)
        await here.wait(here.after(-1)[1], 0.2)
        done = reader.readings
        await asyncio.sleep(0.1)
        return at_once, reader.readings - done, channels.streams()

    assert asyncio.run(watch()) == (1, 0, 0)


def test_an_automation_that_is_gone_wakes_its_streams(reader):
    async def watch() -> bool:
        channels = Channels(lambda: False)
        here = await channels.find(reader, "rule")
        assert here is not None
        here.join(reader)
        reader.there = False
        await here.wait(here.after(-1)[1], 5)
        await here.wait(here.after(-1)[1], 5)
        assert await channels.find(reader, "rule") is None
        return here.gone

    assert asyncio.run(watch())


class Leaving(Reader):
    """Whose sign-in ends at one reading, while it leaves."""

    def __init__(self, leave: Callable[[], None]) -> None:
        super().__init__()
        self.leave = leave

    async def snapshot(self, *_: Any) -> Any:
        self.leave()
        raise FeedError("Your sign-in has ended.", signed_out=True)


@pytest.mark.parametrize("unforeseen", [False, True])
def test_others_go_on_being_told_after_one_who_left_or_an_error_nobody_foresaw(
    reader, monkeypatch, caplog, unforeseen
):
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)

    async def watch() -> int:
        here = Channel("rule")
        await here.refresh(reader)
        here.join(reader)
        keys: list[object] = []

        def leave() -> None:
            here.leave(keys.pop())
            if unforeseen:
                raise RuntimeError

        keys.append(here.join(Leaving(leave)))
        number = here.after(-1)[1]
        for _ in range(2):  # once because somebody has left, perhaps
            await here.wait(number, 5)
        return len(here.after(number)[0])

    assert asyncio.run(watch()) >= 1
    assert ("reading for streams failed" in caplog.text) is unforeseen


def test_a_database_that_answers_slowly_is_asked_less_often():
    assert pause_after(0.0) == module.TICK_SECONDS
    assert pause_after(1.0) == 4.0
    assert pause_after(60.0) == module.LONGEST_PAUSE_SECONDS


def test_a_person_who_asks_too_much_is_told_when_to_come_back():
    allowance = Allowance(burst=2, per_second=0.5)

    assert [allowance.take("ana", 0.0) for _ in range(3)] == [0, 0, 3]
    assert allowance.take("ben", 0.0) == 0
    assert allowance.take("ana", 2.0) == 0
