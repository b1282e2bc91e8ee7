"""This file is where Ctrl-C and the end of the parent become an orderly stop."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

PR_SET_PDEATHSIG = 1


class StopSignals:
    """The first signal raises KeyboardInterrupt; a second Ctrl-C ends all at once."""

    def __init__(self) -> None:
        self.at_once: Callable[[], None] = lambda: None
        self._asked = False
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGTERM, self._handle)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup leaves it
            signal.signal(signal.SIGHUP, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = True
            raise KeyboardInterrupt
        # make passes SIGTERM on to us after the whole group got it: only a person insists.
        if number == signal.SIGINT:
            self.at_once()
            os._exit(128 + number)


def stop_with_parent() -> None:
    """Asks for SIGTERM when the process that started this one is gone (Linux only)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
