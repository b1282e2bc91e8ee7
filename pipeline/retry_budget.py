"""This file is where it is counted how many calls to a provider may be repeated (decision 0053)."""

from collections.abc import Callable

SHARE_OF_RETRIES = 0.1
# What there is at first, and what a quiet minute gives back of it: nobody who is alone waits long.
BUDGET_FIRST = 3.0
RETRIES_PER_MINUTE = 1.0
BUDGET_MOST = 10.0
# When nobody was called for the first time for so long, only those are left who are repeated.
ALONE_SECONDS = 10.0
# Who waits for a place is put back once or twice, not every few seconds; and nobody for longer.
SHORTEST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 60.0
# So many calls in a row that went well are no storm: then whoever waits is repeated.
WELL_IN_A_ROW = 20


class Budget:
    """Repeated calls are at most a tenth of the first ones, three at first and one a minute.

    Who finds no place is told when its turn will be. After many calls in a row that went well all
    places are free: what an outage left behind it then goes out at once, and a provider that fails
    now and then never gets there. Where only repeated calls are left, one that goes well makes
    place for the next.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = BUDGET_FIRST
        self._at = self._last_turn = clock()
        self._first_call_at = self._at
        self._earned = 0.0
        self._per_second = RETRIES_PER_MINUTE / 60
        self._well = 0

    def earn(self) -> None:
        """A first call was made."""
        self._first_call_at = self._clock()
        self._earned += SHARE_OF_RETRIES
        self._left = min(self._left + SHARE_OF_RETRIES, BUDGET_MOST)

    def succeed(self, *, is_repeated: bool) -> None:
        """A call went well."""
        self._well += 1
        if is_repeated and self._clock() - self._first_call_at >= ALONE_SECONDS:
            self._left = min(self._left + 1, BUDGET_MOST)

    def fail(self) -> None:
        """A call did not."""
        self._well = 0

    def spend(self) -> float:
        """0 when one call may be repeated now, else how many seconds it should wait."""
        now = self._clock()
        self._gain(now)
        if self._well >= WELL_IN_A_ROW:
            self._last_turn = now
            return 0.0
        if self._left >= 1:
            self._left -= 1
            return 0.0
        next_one = now + (1 - self._left) / self._per_second
        self._last_turn = max(self._last_turn + 1 / self._per_second, next_one)
        return min(max(self._last_turn - now, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)

    def _gain(self, now: float) -> None:
        passed = now - self._at
        if passed < 1:
            return
        least = passed * RETRIES_PER_MINUTE / 60
        if self._left < BUDGET_FIRST:
            # What calls have earned meanwhile is not given a second time.
            self._left = min(self._left + max(least - self._earned, 0.0), BUDGET_FIRST)
        self._per_second = (self._per_second + max(least, self._earned) / passed) / 2
        self._earned, self._at = 0.0, now
