"""This file is where the sandbox is served, on a thread of a test or as a process."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from local.sandbox.network import OpenProtocol
from local.sandbox.server import SandboxConfig, create_sandbox

FREE_PORTS = range(21300, 21400)
# Nothing here is encrypted, and reading the machine's certificates for every call takes 30 ms.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def call(method: str, url: str, **more: Any) -> httpx.Response:
    """One call to a server on this machine, past any proxy. Raises httpx.HTTPError."""
    return httpx.request(method, url, verify=NO_TLS, trust_env=False, **more)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox, seen from a test."""

    url: str

    @property
    def google_url(self) -> str:
        """The value for GOOGLE_BASE_URL."""
        return f"{self.url}/google"

    @property
    def graph_url(self) -> str:
        """The value for FACEBOOK_GRAPH_URL."""
        return f"{self.url}/graph/v26.0"

    def messages(self, **wanted: str) -> list[dict[str, str]]:
        """What Facebook received, oldest first; `page_id` and `recipient_id` filter."""
        rows: list[dict[str, str]] = httpx.get(
            f"{self.url}/facebook/messages", params=wanted
        ).json()
        return rows

    def fault(self, service: str, kind: str, **more: Any) -> None:
        """Asks for a fault; raises httpx.HTTPStatusError when there is no such kind."""
        body = {"service": service, "kind": kind, **more}
        call("POST", f"{self.url}/faults", json=body).raise_for_status()

    def faults(self) -> list[dict[str, Any]]:
        """Those that were asked for and that no call has met, or not as often as was asked."""
        waiting: list[dict[str, Any]] = call("GET", f"{self.url}/faults").json()["waiting"]
        return waiting

    def reply(self, page_id: str, sender_id: str, text: str) -> None:
        """A contact writes to a page."""
        body = {"page_id": page_id, "sender_id": sender_id, "text": text}
        call("POST", f"{self.url}/facebook/reply", json=body).raise_for_status()

    def reset(self) -> None:
        """Everything works again."""
        call("DELETE", f"{self.url}/faults").raise_for_status()


def listen(port: int) -> socket.socket:
    """A listening socket on this machine only. Raises OSError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    return listener


def _listen_somewhere() -> socket.socket:
    """Like port 0, but below the ports that outgoing connections take."""
    for port in FREE_PORTS:
        with suppress(OSError):
            return listen(port)
    raise OSError(f"No port from {FREE_PORTS[0]} to {FREE_PORTS[-1]} is free.")


def create_server(application: ASGIApp) -> uvicorn.Server:
    """uvicorn without an access log: addresses may carry tokens."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            http=OpenProtocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )


@contextmanager
def serve_sandbox(config: SandboxConfig | None = None) -> Iterator[Sandbox]:
    """A sandbox on a thread and a free port, for as long as the block lasts."""
    with serve_on_thread(create_sandbox(config)) as running:
        yield running


@contextmanager
def serve_on_thread(application: ASGIApp) -> Iterator[Sandbox]:
    """The same for an application that was made before."""
    server = create_server(application)
    listener = _listen_somewhere()
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield Sandbox(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
