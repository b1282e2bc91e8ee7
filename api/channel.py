"""This file is where all streams of one automation are fed by one reading and one event."""

import asyncio
import json
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from api.patch import is_news, patch
from pipeline.feed import Feed, FeedError
from pipeline.readings import moment

log = logging.getLogger("stagelight.channel")

Row = dict[str, Any]
TICK_SECONDS = 0.6
# What somebody else has just read is taken; no more of the latency may be spent on it.
FRESH_SECONDS = 0.2
# A database that answers slowly is asked less often: reading may take a fifth of the time.
MOST_OF_THE_TIME = 0.2
# Who comes back later than so many events, or so many letters of them, gets the whole again.
KEPT_EVENTS = 300
KEPT_LETTERS = 500_000
LONGEST_PAUSE_SECONDS = 5.0


class Channel:
    """The newest snapshot of one automation for one person, and the events that led to it.

    A stream remembers only the number of its last event, so a slow one costs nothing here.
    """

    def __init__(self, rule_id: str) -> None:
        self.rule_id = rule_id
        self.gone = False
        self.left_at = time.monotonic()
        # When the database last said how things stand, in seconds since 1970.
        self.read_at = 0.0
        self.streams: dict[object, Feed] = {}
        # Of this process and this life only: a number of another one means nothing here.
        self._name = secrets.token_hex(5)
        self._number = 0
        self._now: Row | None = None
        self._events: deque[str] = deque()
        self._letters = 0
        self._whole = ""
        self._changed = asyncio.Event()
        self._pulse: asyncio.Task[None] | None = None

    def number_of(self, event_id: str) -> int:
        """The number that an id of this channel holds; -1 for every other text."""
        name, _, number = event_id.partition("-")
        if name != self._name or not (number.isascii() and number.isdigit()) or len(number) > 15:
            return -1
        return int(number)

    async def refresh(self, feed: Feed) -> None:
        """Reads anew, unless somebody has just done so; raises FeedError."""
        snapshot, _, _ = await moment(feed, self.rule_id, FRESH_SECONDS)
        if snapshot is None:
            self.gone = True
            self._wake()
        else:
            self._take(snapshot)

    def join(self, feed: Feed) -> object:
        """From now on this is read every tick, until the last one has left."""
        key = object()
        self.streams[key] = feed
        if self._pulse is None or self._pulse.done():
            self._pulse = asyncio.create_task(self._beat())
        return key

    def leave(self, key: object) -> None:
        """One stream less."""
        self.streams.pop(key, None)
        self.left_at = time.monotonic()

    def after(self, number: int) -> tuple[list[str], int]:
        """The events after this number, else the whole as one event; and the newest number."""
        missing = self._number - number
        if number < 0 or missing < 0 or missing > len(self._events):
            return [self._init()], self._number
        return list(self._events)[len(self._events) - missing :], self._number

    def event(self, kind: str, data: Any, number: int) -> str:
        """An event as it goes over the wire; who comes back with its id has all up to `number`."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self._name}-{number}\nevent: {kind}\ndata: {text}\n\n"

    async def wait(self, number: int, seconds: float) -> None:
        """Returns when there is something after `number`, or after so many seconds."""
        if number == self._number and not self.gone:
            try:
                await asyncio.wait_for(self._changed.wait(), seconds)
            except TimeoutError:
                return

    def _init(self) -> str:
        if not self._whole:
            self._whole = self.event("init", self._now, self._number)
        return self._whole

    def _take(self, snapshot: Row) -> None:
        before = self._now
        self.read_at = max(self.read_at, _epoch(snapshot))
        if before is not None:
            passed = _epoch(snapshot) - _epoch(before)
            # Two readings may overtake each other.
            if passed <= 0 or not is_news(before, snapshot, passed):
                return
            self._number += 1
            self._keep(self.event("update", patch(before, snapshot), self._number))
        self._now = snapshot
        self._whole = ""
        self._wake()

    def _keep(self, event: str) -> None:
        self._events.append(event)
        self._letters += len(event)
        while len(self._events) > KEPT_EVENTS or self._letters > KEPT_LETTERS:
            self._letters -= len(self._events.popleft())

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _beat(self) -> None:
        while self.streams and not self.gone:
            began = time.monotonic()
            # The newest stream has the token that ends last.
            key, feed = next(reversed(self.streams.items()))
            try:
                await self.refresh(feed)
            except FeedError as error:
                if error.signed_out:
                    self.streams.pop(key, None)  # it may have left meanwhile
                    self._wake()
                    continue
            except Exception:
                # One reading more or less; the streams of all others hang on this pulse.
                log.exception("reading for streams failed")
            await asyncio.sleep(pause_after(time.monotonic() - began))


class Channels:
    """The channels in use, and those left so recently that somebody may come back."""

    KEPT_SECONDS = 120.0
    MOST = 500

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self.stopping = stopping
        self._channels: dict[tuple[str, str], Channel] = {}

    async def find(self, feed: Feed, rule_id: str) -> Channel | None:
        """The channel of this person's automation, freshly read; None when there is none."""
        self._tidy()
        key = (feed.person, rule_id)
        channel = self._channels.get(key) or Channel(rule_id)
        await channel.refresh(feed)
        if channel.gone:
            self._channels.pop(key, None)
            return None
        return self._channels.setdefault(key, channel)

    def streams(self) -> int:
        """How many streams are open."""
        return sum(len(channel.streams) for channel in self._channels.values())

    def streams_of(self, person: str) -> int:
        """How many streams this person has open."""
        mine = (channel for (owner, _), channel in self._channels.items() if owner == person)
        return sum(len(channel.streams) for channel in mine)

    def oldest_reading(self) -> float | None:
        """When the database saw what the most outdated stream shows; None when nobody looks."""
        read = [channel.read_at for channel in self._channels.values() if channel.streams]
        return min(read, default=None)

    def _tidy(self) -> None:
        """Nobody comes back to what was left long ago; of very many the longest left go."""
        idle = [(each.left_at, key) for key, each in self._channels.items() if not each.streams]
        now = time.monotonic()
        too_many = max(0, len(self._channels) - self.MOST)
        for place, (left_at, key) in enumerate(sorted(idle)):
            if place < too_many or now - left_at > self.KEPT_SECONDS:
                del self._channels[key]


def pause_after(took_seconds: float) -> float:
    """How long to wait before the next reading when one took so long."""
    polite = min(took_seconds / MOST_OF_THE_TIME - took_seconds, LONGEST_PAUSE_SECONDS)
    return max(TICK_SECONDS - took_seconds, polite, 0.05)


def _epoch(snapshot: Row) -> float:
    return datetime.fromisoformat(snapshot["now"]).timestamp()
