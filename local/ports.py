"""This file is where ports are looked for, all below Linux's range for outgoing connections."""

import socket
from collections.abc import Iterable

from local.errors import StartError

FIRST_EPHEMERAL = 32768


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
