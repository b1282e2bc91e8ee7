"""This file is where ports are looked for, all below Linux's range for outgoing connections."""

import os
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from local.errors import StartError
from pipeline.locks import lock

FIRST_EPHEMERAL = 32768


class Claims:
    """The ports of one stack, which no other stack of this user gets while this object lives.

    Seconds pass until a port that was chosen is bound; two starts at once would choose the same,
    and take the other's gateway for their own.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.gettempdir()) / f"stagelight-ports-{os.getuid()}"
        self._locks: list[IO[str]] = []

    def claim(self, port: int) -> bool:
        """False when another stack, or this one, has claimed `port`."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            claimed = (self._directory / str(port)).open("a")
        except OSError as error:
            raise StartError(
                f"Cannot write to {self._directory}: {error.strerror}. Set TMPDIR to a directory "
                "that this user may write to."
            ) from error
        try:
            lock(claimed)
        except BlockingIOError:
            claimed.close()
            return False
        self._locks.append(claimed)
        return True

    def first_free(self, start: int) -> int:
        """Claims the first port from `start` on that is free and not claimed."""
        port = first_free(start)
        while not self.claim(port):
            port = first_free(port + 1)
        return port

    def release(self) -> None:
        """Gives them all back; the end of the process does so too."""
        for claimed in self._locks:
            claimed.close()
        self._locks.clear()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when a server could listen on `host`:`port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def first_free(start: int, taken: Iterable[int] = ()) -> int:
    """The first free port from `start` on that is not in `taken`."""
    avoid = set(taken)
    for port in range(start, FIRST_EPHEMERAL):
        if port not in avoid and is_free(port):
            return port
    raise StartError(f"No port is free between {start} and {FIRST_EPHEMERAL}; end some programs.")
