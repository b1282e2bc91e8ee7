"""This file is where the sandbox is served, on a thread of a test or as a process."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

import httpx
import uvicorn

from local.sandbox.network import OpenProtocol
from local.sandbox.server import SandboxConfig, create_sandbox


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
        httpx.post(f"{self.url}/faults", json=body).raise_for_status()

    def reply(self, page_id: str, sender_id: str, text: str) -> None:
        """A contact writes to a page."""
        body = {"page_id": page_id, "sender_id": sender_id, "text": text}
        httpx.post(f"{self.url}/facebook/reply", json=body).raise_for_status()

    def reset(self) -> None:
        """Everything works again."""
        httpx.delete(f"{self.url}/faults").raise_for_status()


def listen(port: int = 0) -> socket.socket:
    """A listening socket on this machine only; port 0 takes a free one. OSError when taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    return listener


def create_server(config: SandboxConfig) -> uvicorn.Server:
    """uvicorn without an access log: addresses may carry tokens."""
    return uvicorn.Server(
        uvicorn.Config(
            create_sandbox(config),
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
    server = create_server(config or SandboxConfig())
    listener = listen()
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield Sandbox(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
