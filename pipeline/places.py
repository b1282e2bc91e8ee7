"""This file is where a worker's places are kept from whose calls take long (decision 0056)."""

import random
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from pipeline.model import Held, Job, Outcome

Step = Callable[[Job], Awaitable[Outcome]]
Rooms = Callable[[int], Mapping[str, int]]

# Whoever was not called for so long may answer in another way by now.
KNOWN_FOR_SECONDS = 60.0
MOST_KNOWN = 200


class Places:
    """What each page, or each model, may hold of one worker's places, by how it answers.

    Who answers quickly may hold all but one; who does not, or was not called lately, half. All who
    are known to be slow leave one together. Whoever comes next therefore finds a place. Where
    nobody else can come, the database gives out all the places nevertheless.
    """

    def __init__(
        self,
        key_of: Callable[[Job], str],
        quick_seconds: float,
        rooms_of: Rooms = lambda most: {},
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key_of = key_of
        self._quick_seconds = quick_seconds
        self._rooms_of = rooms_of
        self._clock = clock
        self._under_way: dict[str, tuple[str, float]] = {}
        # When the last call to each ended, and whether it was quick; the latest come last.
        self._ended: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    def timed(self, step: Step) -> Step:
        """The step; how long its calls take is noted."""

        async def taken(job: Job) -> Outcome:
            began = self._clock()
            self._under_way[job.lease_token] = self._key_of(job), began
            try:
                return await step(job)
            finally:
                del self._under_way[job.lease_token]
                self._note(self._key_of(job), self._clock(), began)

        return taken

    def describe(self, held: Collection[Held], free: int) -> dict[str, Any]:
        """What is in hand and how many more may come of whom, as `claim_contacts` is told it."""
        places = len(held) + free
        in_hand = self._count(held)
        return {
            "rules": Counter(one.rule_id for one in held if isinstance(one, Job)),
            "rooms": self._rooms(places, in_hand),
            "room": _most(places, is_quick=False),
            "alone": {
                key: max(room - in_hand[key], 0)
                for key, room in self._rooms_of(places).items()
                if room < places
            },
        }

    def is_anybody_full(
        self, said: Mapping[str, Any], held: Collection[Held], claimed: Collection[Held]
    ) -> bool:
        """Whether somebody has all it may have, so that more of it may wait.

        `said` and `held` are of before the claim: calls may have ended since.
        """
        before, came = self._count(held), self._count(claimed)
        rooms = said["rooms"]
        return any(came[key] >= rooms.get(key, said["room"]) for key in before | came)

    def _count(self, held: Collection[Held]) -> Counter[str]:
        return Counter(self._key_of(one) for one in held if isinstance(one, Job))

    def _note(self, key: str, now: float, began: float) -> None:
        self._ended[key] = now, now - began <= self._quick_seconds
        self._ended.move_to_end(key)
        if len(self._ended) > MOST_KNOWN:
            self._ended.popitem(last=False)

    def _rooms(self, places: int, in_hand: Counter[str]) -> dict[str, int]:
        quick, slow = self._known()
        by_breaker = self._rooms_of(places)
        left = max(places - 1, 1) - sum(in_hand[key] for key in slow)
        rooms = {}
        keys = list(quick | slow | set(in_hand) | set(by_breaker))
        # None of the slow ones is always the last of them.
        random.shuffle(keys)
        for key in keys:
            most = min(_most(places, is_quick=key in quick), by_breaker.get(key, places))
            rooms[key] = max(most - in_hand[key], 0)
            if key in slow:
                rooms[key] = max(min(rooms[key], left), 0)
                left -= rooms[key]
        return rooms

    def _known(self) -> tuple[set[str], set[str]]:
        now = self._clock()
        late = {key for key, began in self._under_way.values() if now - began > self._quick_seconds}
        known = {
            key: was_quick
            for key, (at, was_quick) in self._ended.items()
            if now - at <= KNOWN_FOR_SECONDS
        }
        quick = {key for key, was_quick in known.items() if was_quick} - late
        return quick, (set(known) | late) - quick


def _most(places: int, *, is_quick: bool) -> int:
    return max(places - 1 if is_quick else places // 2, 1)
