"""This file is where tests start servers: an application on a thread, or `python -m local`."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from local.files import read_json
from pipeline.settings import Settings
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
# For all that is waited for. The machine may be busy with other things for a long while, and only
# a test that fails waits for the end of it.
PATIENCE = 240
# From the first port of a stack to its last.
PORTS_OF_A_STACK = 50


def until(true: Callable[[], Any], why: Callable[[], str] = str) -> Any:
    """What `true()` returns as soon as that is something; fails after PATIENCE, saying `why()`."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := true()):
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {why()}"
        time.sleep(0.02)
    return answer


class Server(uvicorn.Server):
    """uvicorn's, but for its two waits of a tenth of a second at every end."""

    async def main_loop(self) -> None:
        """Serves until it is told to end, and then closes what nobody is being answered on."""
        while not await self.on_tick(0):
            await asyncio.sleep(0.01)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Waits for whoever is still being answered, if somebody is."""
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
            await server.wait_closed()
        await self.lifespan.shutdown()


class Renewed:
    """One server whose application every test replaces: uvicorn takes 0.2 s to end."""

    def __init__(self, application: ASGIApp) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.application(scope, receive, send)


@contextmanager
def serving(application: Any, port: int) -> Iterator[None]:
    """An ASGI application on 127.0.0.1:`port`, on a thread, for as long as the block lasts."""
    server = Server(
        uvicorn.Config(
            application,
            port=port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert thread.is_alive(), "the server ended at start"
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=PATIENCE)


@dataclass(frozen=True)
class Stack:
    """`python -m local` in a home of its own."""

    home: Path
    process: "subprocess.Popen[bytes]" = field(repr=False)
    terminal: Path

    @property
    def connection(self) -> dict[str, Any]:
        """What connection.json holds; empty before it is written."""
        return read_json(self.home / "connection.json")

    def __getattr__(self, name: str) -> Any:
        # url, secret_key, dashboard_url, demo_email ...: the names of connection.json.
        connection = self.connection
        if name not in connection:
            raise AttributeError(name)
        return connection[name]

    def said(self) -> str:
        """What a person has read in the terminal so far."""
        return self.terminal.read_text()

    def stop(self) -> str:
        """Ends it as Ctrl-C does; returns what it said."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        return self.said()


def run_local(home: Path, *arguments: str, terminal: str = "terminal", **environment: str) -> Stack:
    """Starts `python -m local ...` in `home`, on free ports, without any settings of ours."""
    # Blank, because a developer's .env would fill what is not there.
    ours = {name: os.environ[name] for name in ("PATH", "HOME", "APP_PG_BIN") if name in os.environ}
    shown = home.with_name(f"{home.name}.{terminal}")
    with shown.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=ROOT,
            env={
                **dict.fromkeys((setting.name.upper() for setting in fields(Settings)), ""),
                **ours,
                "STAGELIGHT_HOME": str(home),
                "DASHBOARD_PORT": str(free_port()),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return Stack(home, process, shown)


def start_stack(home: Path, **environment: str) -> Stack:
    """Starts the whole stack and waits until it can be used."""
    ports = ("--first-port", str(free_port(beside=PORTS_OF_A_STACK)))
    running = run_local(home, "--stop-with-parent", *ports, **environment)
    try:
        # Not connection.json: one that was killed leaves its own behind until the next start.
        until(
            lambda: "sign in as" in running.said() or running.process.poll() is not None,
            running.said,
        )
        assert running.process.poll() is None, running.said()
    except AssertionError:
        running.stop()
        raise
    return running
