"""This file is where viewers of the same thing share one reading of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
# What costs more than this share of the time is read less often.
MOST_OF_THE_TIME = 0.05
# Who asked within this time is looking at it still; nobody waits longer between two looks.
WATCHED_SECONDS = 15.0


@dataclass(slots=True)
class Reading(Generic[T]):
    """A reading under way or done, and when it began: what it holds is at least that new."""

    task: "asyncio.Task[T]"
    began: float
    ended: float = 0.0
    takers: int = 0

    def is_good(self) -> bool:
        """Whether it has ended with a value."""
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None


@dataclass(slots=True)
class Watch:
    """Somebody looks at it: when they last asked, and how new what they last got is."""

    asked: float
    known: float


class Shared(Generic[T]):
    """Single flight with a memory. The key must name the person, because RLS decides."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, kept_seconds: float = 60.0
    ) -> None:
        self._clock = clock
        self._kept_seconds = kept_seconds
        self._readings: dict[Hashable, Reading[T]] = {}
        self._before: dict[Hashable, Reading[T]] = {}
        self._watches: dict[Hashable, Watch] = {}

    async def get(
        self, key: Hashable, max_age: float, read: Callable[[], Awaitable[T]]
    ) -> tuple[T, float, int]:
        """What was read at most `max_age` seconds ago, else anew; its age; how many took it so far.

        A reading that fails raises for everybody who waits for it, and is not kept.
        """
        reading = self._readings.get(key)
        if reading is None or not self._serves(reading, max_age):
            reading = self._start(key, read)
        reading.takers += 1
        watch = self._watch(key)
        # One viewer who leaves does not end the reading of the others.
        value = await asyncio.shield(reading.task)
        watch.known = max(watch.known, reading.began)
        return value, self._clock() - reading.began, reading.takers

    def at_hand(self, key: Hashable, max_age: float, read: Callable[[], Awaitable[T]]) -> T | None:
        """The newest value there is, without waiting; one older than `max_age` is read again."""
        reading = self._readings.get(key)
        if reading is None or (reading.task.done() and self._clock() > self._due(reading, max_age)):
            if reading is not None and reading.is_good():
                self._before[key] = reading
            reading = self._start(key, read)
        for known in (reading, self._before.get(key)):
            if known is not None and known.is_good():
                return known.task.result()
        return None

    def taken_within(self, seconds: float) -> list[int]:
        """How many took each reading that is no older than so."""
        since = self._clock() - seconds
        return [each.takers for each in self._readings.values() if each.began >= since]

    def oldest_age(self) -> float:
        """How old the most outdated of what is looked at is, in seconds; 0 while nobody looks."""
        now = self._clock()
        seen = (each.known for each in self._watches.values() if now - each.asked < WATCHED_SECONDS)
        return max(0.0, now - min(seen, default=now))

    def _watch(self, key: Hashable) -> Watch:
        now = self._clock()
        watch = self._watches.get(key)
        if watch is None or now - watch.asked >= WATCHED_SECONDS:
            idle = [at for at, it in self._watches.items() if now - it.asked >= WATCHED_SECONDS]
            for each in idle:
                del self._watches[each]
            watch = self._watches[key] = Watch(now, now)
        watch.asked = now
        return watch

    def forget(self, concerns: Callable[[Hashable], bool]) -> None:
        """Somebody changed what these keys read; whoever asks next gets a new reading."""
        for key in [key for key in self._readings if concerns(key)]:
            self._readings.pop(key)
            self._before.pop(key, None)

    def _serves(self, reading: Reading[T], max_age: float) -> bool:
        if not reading.task.done():
            return True
        return reading.is_good() and self._clock() - reading.began <= max_age

    def _due(self, reading: Reading[T], max_age: float) -> float:
        took = reading.ended - reading.began
        return reading.began + max(max_age, took / MOST_OF_THE_TIME)

    def _start(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> Reading[T]:
        oldest = self._clock() - self._kept_seconds
        self.forget(lambda key: self._readings[key].began < oldest)
        reading = Reading(asyncio.ensure_future(_run(read)), self._clock())
        reading.task.add_done_callback(lambda task: self._ended(reading, task))
        self._readings[key] = reading
        return reading

    def _ended(self, reading: Reading[T], task: "asyncio.Task[T]") -> None:
        reading.ended = self._clock()
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of one that had no reader left


async def _run(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
