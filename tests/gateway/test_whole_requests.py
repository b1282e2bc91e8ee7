"""This file is where nobody keeps a connection or memory of the gateway by what they send."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.children import answers
from local.gateway import rpc
from local.gateway.server import create_server
from local.gateway.whole import LARGEST_HEAD, WholeRequests
from tests.gateway.conftest import Served
from tests.running import free_port, until


@pytest.fixture
def address(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A gateway as it is started in earnest, with little patience."""
    monkeypatch.setattr(WholeRequests, "seconds", 0.3)
    server = create_server(replace(gateway.config, url=f"http://127.0.0.1:{free_port()}"))
    serves = threading.Thread(target=server.run)
    serves.start()
    until(lambda: server.started)
    yield ("127.0.0.1", server.config.port)
    server.should_exit = True
    serves.join()


HEAD = b"POST /rest/v1/rpc/ping HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALVES = {
    "nothing": b"",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 9\r\n\r\n{",
    "half a second head": WHOLE + HEAD,
    "a head without end": HEAD + b"X: " + b"x" * 2 * LARGEST_HEAD,
}


@pytest.mark.parametrize("what", HALVES)
def test_half_a_request_is_not_waited_for(address: tuple[str, int], what: str) -> None:
    with socket.create_connection(address, timeout=20) as waiting:
        waiting.sendall(HALVES[what])
        until(lambda: answers("http://{}:{}/health".format(*address)))

        got = all_of(waiting)

    assert (b" 200 " in got) == (what == "half a second head")


def all_of(connection: socket.socket) -> bytes:
    """What arrives until it is closed, which this waits for."""
    got = b""
    try:
        while part := connection.recv(65536):
            got += part
    except ConnectionResetError:
        pass  # It was closed before all of it was read.
    return got


def test_what_is_in_a_document_is_not_kept_with_its_statement(gateway: Served) -> None:
    headers = {"apikey": gateway.config.secret_key}
    before = rpc._compose.cache_info().currsize

    for number in range(3):
        body = json.dumps({f"{number}_{key}": 1 for key in range(5)})
        answer = gateway.raw("POST", "/rest/v1/rpc/take", headers=headers, content=body)
        assert answer.status_code == 200

    assert rpc._compose.cache_info().currsize <= before + 1
