"""This file is where it is counted how much one person's programs may ask."""

from collections import OrderedDict

# A hundred programs that are all cut off ten times come back within it.
BURST = 1500.0
PER_SECOND = 50.0
STREAMS_PER_PERSON = 200
STREAMS = 1000
REMEMBERED = 10_000


class Allowance:
    """A bucket per person that fills again steadily."""

    def __init__(self, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, person: str, now: float) -> int:
        """0 when one more request may be answered, else the seconds until then."""
        left, at = self._buckets.get(person, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._buckets[person] = (left - 1 if allowed else left, now)
        self._buckets.move_to_end(person)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0 if allowed else int((1 - left) / self._per_second) + 1
