"""This file is where failed sign-ins are counted, so that passwords cannot be found by trying."""

from collections import OrderedDict, deque

WINDOW_SECONDS = 300
PER_ACCOUNT = 8
# People of one office, or behind one proxy, share an address.
PER_ADDRESS = 60
# More names than this are not remembered: the oldest go first.
REMEMBERED = 10_000


class Attempts:
    """Failed sign-ins per name, an account or an address, in the last five minutes."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, name: str, now: float) -> int:
        """How long to wait until the next try; 0 when it may be now."""
        tries = self._failed.get(name)
        if tries is None or len(tries) < self._allowed:
            return 0
        left = tries[0] + WINDOW_SECONDS - now
        return int(left) + 1 if left > 0 else 0

    def failed(self, name: str, now: float) -> None:
        """Notes one wrong password."""
        self._failed.setdefault(name, deque(maxlen=self._allowed)).append(now)
        self._failed.move_to_end(name)
        while len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def worked(self, name: str) -> None:
        """Forgets the failures after a right password."""
        self._failed.pop(name, None)
