"""This file is where failed sign-ins are counted, so that passwords cannot be found by trying."""

from collections import OrderedDict, deque

WINDOW_SECONDS = 300
PER_ACCOUNT = 8
# People of one office, or behind one proxy, share an address.
PER_ADDRESS = 60
# More names than this are not remembered: the oldest go first.
REMEMBERED = 10_000


class Attempts:
    """Failed sign-ins per name, an account or an address, in the last five minutes.

    A try counts as failed until its outcome is known, so that parallel guesses see each other.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, name: str, now: float) -> int:
        """How long to wait until the next try; 0 when it may be now."""
        tries = self._tries.get(name)
        if tries is None or len(tries) < self._allowed:
            return 0
        left = tries[0] + WINDOW_SECONDS - now
        return int(left) + 1 if left > 0 else 0

    def count(self, name: str, now: float) -> None:
        """Notes one try, before anybody is asked whether the password is right."""
        self._tries.setdefault(name, deque(maxlen=self._allowed)).append(now)
        self._tries.move_to_end(name)
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)

    def take_back(self, name: str, now: float) -> None:
        """Forgets the try counted at `now`: it was no wrong password."""
        tries = self._tries.get(name, deque())
        if now in tries:
            tries.remove(now)
        if not tries:
            self._tries.pop(name, None)

    def worked(self, name: str) -> None:
        """Forgets the failures after a right password."""
        self._tries.pop(name, None)
