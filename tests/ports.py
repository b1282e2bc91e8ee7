"""This file is where a test run gets ports that no other run on this machine is given."""

import atexit

from local.ports import FIRST_EPHEMERAL, Claims, is_free

FIRST, ROOM = 22000, 500


class Room:
    """Some hundred ports of one test run, handed out in turn.

    Seconds may pass until a server binds the port it is to have. Of two runs that look for a free
    one meanwhile, both would find the same; so each has a room of its own as long as it lives.
    """

    def __init__(self) -> None:
        self._claims = Claims()
        rooms = range(FIRST, FIRST_EPHEMERAL - ROOM, ROOM)
        # The first port of a room is its lock, and is given to nobody.
        taken = next((first for first in rooms if self._claims.claim(first)), None)
        assert taken is not None, f"{len(rooms)} test runs are under way; wait for one to end"
        self._ports = range(taken + 1, taken + ROOM)
        self._given = 0

    def take(self, beside: int = 0) -> int:
        """A free port that no stack has claimed; the next one is so far `beside` it."""
        for _ in self._ports:
            if self._given + beside >= len(self._ports):
                self._given = 0
            port = self._ports[self._given]
            self._given += 1 + beside
            if is_free(port) and self._is_nobodys(port):
                return port
        raise AssertionError(f"no port of {self._ports} is free")

    def leave(self) -> None:
        """Lets another run have the room; the end of the process does so too."""
        self._claims.release()

    def _is_nobodys(self, port: int) -> bool:
        """False while a stack has the port, also when what listened there is being started anew."""
        asked = Claims()
        try:
            return asked.claim(port)
        finally:
            asked.release()


_rooms: list[Room] = []


def free_port(beside: int = 0) -> int:
    """A free port below 32768 for whoever binds it next; and so many `beside` it are kept free."""
    if not _rooms:
        _rooms.append(Room())
        atexit.register(_rooms[0].leave)
    return _rooms[0].take(beside)


def move_out() -> None:
    """Leaves the room to the process that this one was forked from."""
    _rooms.clear()
