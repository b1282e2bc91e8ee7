"""This file is where the time of day comes from: the database's clock, not this machine's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pipeline.lease import read_clock


class DatabaseClock:
    """What the database's clock shows; until it has said so once, what this machine's shows.

    Between two answers the time goes on by a clock that nobody can set.
    """

    def __init__(self, steady: Callable[[], float] = read_clock) -> None:
        self._steady = steady
        self._said: datetime | None = None
        self._heard_at = 0.0

    def hear(self, said: datetime) -> None:
        """The database has just said what time it is."""
        self._said, self._heard_at = said, self._steady()

    @property
    def is_known(self) -> bool:
        """Whether the database has said so yet."""
        return self._said is not None

    def now(self) -> datetime:
        """The moment, with a time zone."""
        if self._said is None:
            return datetime.now(UTC)
        return self._said + timedelta(seconds=self._steady() - self._heard_at)
