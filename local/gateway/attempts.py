"""This file is where guessing passwords is slowed down."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from local.gateway.errors import AuthError

REMEMBERED_EMAILS = 10_000
REFUSED = "invalid_credentials"


class Attempts:
    """Failed sign-ins per address and email in a sliding window; good passwords do not count."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit = limit
        self._seconds = seconds
        self._failed: dict[tuple[str, str], deque[float]] = {}

    @contextmanager
    def one(self, who: tuple[str, str]) -> Iterator[None]:
        """Counts a try at once, so that parallel ones see each other; raises AuthError 429.

        It is taken back unless it ends with a wrong password.
        """
        moment = time.monotonic()
        self._refuse_too_many(who, moment)
        self._count(who, moment)
        try:
            yield
        except Exception as error:
            if not (isinstance(error, AuthError) and error.code == REFUSED):
                self._take_back(who, moment)
            raise
        self._take_back(who, moment)

    def _refuse_too_many(self, who: tuple[str, str], now: float) -> None:
        failed = self._failed.get(who, deque())
        while failed and failed[0] < now - self._seconds:
            failed.popleft()
        if len(failed) >= self._limit:
            raise AuthError(429, "over_request_rate_limit", "Request rate limit reached")

    def _count(self, who: tuple[str, str], now: float) -> None:
        if who not in self._failed and len(self._failed) >= REMEMBERED_EMAILS:
            self._failed.pop(next(iter(self._failed)))
        self._failed.setdefault(who, deque()).append(now)

    def _take_back(self, who: tuple[str, str], moment: float) -> None:
        failed = self._failed.get(who, deque())
        if moment in failed:
            failed.remove(moment)
        if not failed:
            self._failed.pop(who, None)
