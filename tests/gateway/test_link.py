"""This file is where a link is shown to end when PostgreSQL answers what is no answer."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator

import psycopg
import pytest

from local.gateway.link import Link, Statement
from tests.ports import free_port
from tests.running import PATIENCE

STARTED = b"R" + struct.pack("!ii", 8, 0) + b"K" + struct.pack("!iii", 12, 1, 1) + b"Z\0\0\0\5I"
# A length that does not even hold itself: libpq gives the connection up, and raises nothing.
BAD_FRAME = b"T" + struct.pack("!i", 2)


def _speak(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(STARTED)
        connection.recv(4096)
        connection.sendall(BAD_FRAME)
        # Until the other side has closed: the frame ends the link, not the end of the connection.
        while connection.recv(4096):
            pass


@pytest.fixture
def dsn() -> Iterator[str]:
    """A PostgreSQL that sends one bad frame, to whoever asks first."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        speaker = threading.Thread(target=_speak, args=(server,), daemon=True)
        speaker.start()
        yield f"host=127.0.0.1 port={port} user=x sslmode=disable gssencmode=disable"
        speaker.join(timeout=PATIENCE)


def test_a_frame_that_cannot_be_read_ends_the_link_and_not_the_gateway(dsn: str) -> None:
    errors: list[psycopg.Error] = []

    async def ask() -> None:
        link = await Link.open(dsn)
        try:
            await link.ask(Statement(b"select 1"))
        except psycopg.Error as error:
            errors.append(error)
        assert not link.is_idle

    # On a thread of its own: a loop that goes round for ever cannot be stopped from within.
    asking = threading.Thread(target=asyncio.run, args=(ask(),), daemon=True)
    asking.start()
    asking.join(timeout=PATIENCE)

    assert not asking.is_alive()
    assert [type(error) for error in errors] == [psycopg.OperationalError]
