"""This file is where failed sign-ins are counted, so that passwords cannot be found by trying."""

from collections import OrderedDict, deque

WINDOW_SECONDS = 300
ALLOWED = 8
# More names than this are not remembered: the oldest go first.
REMEMBERED = 10_000


class Attempts:
    """Failed sign-ins per account and per address in the last five minutes."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, names: tuple[str, ...], now: float) -> int:
        """How long to wait until the next try; 0 when it may be now."""
        return max((self._wait(name, now) for name in names), default=0)

    def failed(self, names: tuple[str, ...], now: float) -> None:
        """Notes one wrong password."""
        for name in names:
            self._failed.setdefault(name, deque(maxlen=ALLOWED)).append(now)
            self._failed.move_to_end(name)
        while len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def worked(self, account: str) -> None:
        """Forgets an account's failures after a right password."""
        self._failed.pop(account, None)

    def _wait(self, name: str, now: float) -> int:
        tries = self._failed.get(name)
        if not tries or len(tries) < ALLOWED:
            return 0
        return (
            max(0, int(tries[0] + WINDOW_SECONDS - now) + 1)
            if tries[0] + WINDOW_SECONDS > now
            else 0
        )
