"""This file is where viewers of the same thing share one reading of the database."""

import asyncio
import contextlib

import pytest

from pipeline.shared import WATCHED_SECONDS, Shared


class Source:
    """A clock that is set by hand, and a reading that ends when it is told to."""

    def __init__(self):
        self.now = 100.0
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False

    async def read(self):
        self.reads += 1
        number = self.reads
        await self.gate.wait()
        if self.fails:
            raise ConnectionError
        return number


def tell(story):
    """Runs one story with a source and what shares it."""
    source = None

    async def run():
        nonlocal source
        source = Source()
        return await story(source, Shared(lambda: source.now, kept_seconds=3600))

    return asyncio.run(run())


async def ended():
    """Lets everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_hundred_viewers_at_once_are_one_reading():
    async def story(source, shared):
        got = await asyncio.gather(*(shared.get("a", 2, source.read) for _ in range(100)))
        assert source.reads == 1
        assert {value for value, *_ in got} == {1}
        assert max(takers for *_, takers in got) == 100

    tell(story)


def test_a_young_reading_serves_an_old_one_does_not():
    async def story(source, shared):
        await shared.get("a", 2, source.read)
        source.now += 1.5
        assert await shared.get("a", 2, source.read) == (1, 1.5, 2)
        assert (await shared.get("a", 1, source.read))[0] == 2
        source.now += 2.5
        assert await shared.get("a", 2, source.read) == (3, 0.0, 1)

    tell(story)


def test_another_person_gets_another_reading():
    async def story(source, shared):
        await shared.get(("anna", "rule"), 2, source.read)
        assert (await shared.get(("ben", "rule"), 2, source.read))[0] == 2

    tell(story)


def test_a_failure_is_told_to_all_who_wait_and_not_kept():
    async def story(source, shared):
        source.fails = True
        both = (shared.get("a", 2, source.read) for _ in range(2))
        assert [type(each) for each in await asyncio.gather(*both, return_exceptions=True)] == [
            ConnectionError
        ] * 2
        source.fails = False
        assert (await shared.get("a", 2, source.read))[0] == 2

    tell(story)


def test_a_viewer_who_leaves_does_not_take_the_reading_along():
    async def story(source, shared):
        source.gate.clear()
        leaving = asyncio.create_task(shared.get("a", 2, source.read))
        staying = asyncio.create_task(shared.get("a", 2, source.read))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        source.gate.set()
        assert (await staying)[0] == 1
        with pytest.raises(asyncio.CancelledError):
            await leaving

    tell(story)


def test_what_somebody_changed_is_read_anew():
    async def story(source, shared):
        await shared.get(("a", "rule 1"), 2, source.read)
        shared.forget(lambda key: key[1] == "rule 1")
        assert (await shared.get(("a", "rule 1"), 2, source.read))[0] == 2

    tell(story)


def test_what_is_at_hand_does_not_wait_and_is_renewed_behind():
    async def story(source, shared):
        assert shared.at_hand("a", 60, source.read) is None
        await ended()
        assert shared.at_hand("a", 60, source.read) == 1
        source.now += 61
        source.gate.clear()
        assert shared.at_hand("a", 60, source.read) == 1
        source.gate.set()
        await ended()
        assert shared.at_hand("a", 60, source.read) == 2

    tell(story)


def test_a_costly_reading_is_renewed_less_often():
    async def story(source, shared):
        source.gate.clear()
        shared.at_hand("a", 60, source.read)
        await asyncio.sleep(0)
        source.now += 10
        source.gate.set()
        await ended()
        source.now += 100
        assert shared.at_hand("a", 60, source.read) == 1
        await ended()
        assert source.reads == 1

    tell(story)


def test_the_age_is_of_what_somebody_looks_at_also_while_it_cannot_be_read():
    async def story(source, shared):
        ages = [shared.oldest_age()]

        async def look(key, after):
            source.now += after
            with contextlib.suppress(ConnectionError):
                await shared.get(key, 0.0, source.read)
            ages.append(shared.oldest_age())

        await look("a", 0)
        source.now += 2
        ages.append(shared.oldest_age())
        await look("b", 0)
        await look("a", 1)
        source.fails = True
        await look("a", 6)
        await look("a", 6)
        source.now += WATCHED_SECONDS
        ages.append(shared.oldest_age())
        return ages

    assert tell(story) == [0, 0, 2, 2, 1, 7, 13, 0]
