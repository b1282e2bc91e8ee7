"""This file is where a part that has died is started again, each time a little later."""

import time
from collections.abc import Callable

from local.children import Part, shorten
from local.errors import StartError

FIRST_DELAY = 0.2
LONGEST_DELAY = 15.0
HEALTHY_SECONDS = 30.0


class Keeper:
    """Looks after one part; `tend` is called several times a second."""

    def __init__(self, part: Part, say: Callable[[str], None]) -> None:
        self.part = part
        self._say = say
        self._delay = FIRST_DELAY
        self._launched_at = time.monotonic()
        self._launch_at: float | None = None
        self._recovering = False

    def tend(self) -> None:
        """Notices a death, launches when its time has come, and says when all is well again.

        Nor does a part that lives for months fill the disk with its log.
        """
        now = time.monotonic()
        shorten(self.part.log)
        if self._launch_at is not None:
            if now >= self._launch_at:
                self._launch(now)
        elif not self.part.alive():
            self._mourn(now)
        elif self._recovering and self.part.ready():
            self._recovering = False
            self._say(f"{self.part.name} is running again.")

    def _mourn(self, now: float) -> None:
        if now - self._launched_at > HEALTHY_SECONDS:
            self._delay = FIRST_DELAY
        self._say(f"{self.part.name} ended ({self.part.last_words()}); starting it again.")
        self._recovering = True
        self._launch_at = now + self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY)

    def _launch(self, now: float) -> None:
        self._launch_at = None
        self._launched_at = now
        try:
            self.part.launch()
        except OSError as error:
            # No memory or no process left is what a later try may cure; the next tend sees it dead.
            self._say(f"{self.part.name} could not be started: {error.strerror}.")


def wait_ready(part: Part, seconds: float = 60) -> None:
    """Returns when `part` can be used; raises StartError when it ends or takes too long."""
    deadline = time.monotonic() + seconds
    while not part.ready():
        if not part.alive():
            raise StartError(f"{part.name} did not start ({part.last_words()}).")
        if time.monotonic() > deadline:
            raise StartError(
                f"{part.name} was not usable within {seconds:.0f} s ({part.last_words()})."
            )
        time.sleep(0.05)
