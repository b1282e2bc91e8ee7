"""This file is where processes get a network of their own, whose cables can be pulled."""

import asyncio
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

NOT_ROOT = "not run: only root can make a network namespace"
NEW_NETWORK = 0x40000000


class Island:
    """A network namespace: its own loopback, and a cable to the machine it is on."""

    def __init__(self, number: int) -> None:
        self.name = f"stagelight-{number}"
        self.shore = f"10.231.{number % 250}.1"
        """Where the machine is found from the island."""
        self.command = ("ip", "netns", "exec", self.name)
        """What starts a process there."""
        self._cable = f"sl{number}"

    def make(self) -> None:
        """Raises CalledProcessError where it is not permitted."""
        run("ip", "netns", "add", self.name)
        self._inside("link", "set", "lo", "up")
        run("ip", "link", "add", self._cable, "type", "veth", "peer", "cable", "netns", self.name)
        run("ip", "addr", "add", f"{self.shore}/30", "dev", self._cable)
        run("ip", "link", "set", self._cable, "up")
        self._inside("addr", "add", f"{self.shore[:-1]}2/30", "dev", "cable")
        self._inside("link", "set", "cable", "up")

    def end(self) -> None:
        """What still runs in it keeps it until it ends."""
        subprocess.run(["ip", "link", "del", self._cable], check=False)
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def loopback(self, *, up: bool) -> None:
        """Down, everything that is on its way inside is lost, and nobody is told."""
        self._inside("link", "set", "lo", "up" if up else "down")

    def cable(self, *, up: bool) -> None:
        """Pulled at the machine's end."""
        run("ip", "link", "set", self._cable, "up" if up else "down")

    def listen(self, port: int) -> socket.socket:
        """A socket that whoever is on the island finds at 127.0.0.1:`port`."""

        def made() -> socket.socket:
            found = socket.create_server(("127.0.0.1", port))
            found.setblocking(False)
            return found

        return self.inside(made)

    def connect(self, port: int) -> socket.socket:
        """A connection to what listens at 127.0.0.1:`port` there. Raises OSError."""

        def made() -> socket.socket:
            found = socket.create_connection(("127.0.0.1", port), timeout=5)
            found.setblocking(False)
            return found

        return self.inside(made)

    def inside(self, make: Callable[[], socket.socket]) -> socket.socket:
        """A socket stays where it was made, whoever uses it."""
        made: list[socket.socket | Exception] = []

        def go() -> None:
            try:
                enter(self.name)
                made.append(make())
            except Exception as error:
                made.append(error)

        # A namespace is a thread's own; this one is never used for anything else.
        thread = threading.Thread(target=go)
        thread.start()
        thread.join()
        if isinstance(made[0], Exception):
            raise made[0]
        return made[0]

    def _inside(self, *words: str) -> None:
        run("ip", "-n", self.name, *words)


def enter(name: str) -> None:
    """The calling thread, and what it starts, is on the island from now on."""
    with open(f"/var/run/netns/{name}", "rb") as place:
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), NEW_NETWORK):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def run(*command: str) -> None:
    """A command of the system that must succeed."""
    subprocess.run(command, check=True, capture_output=True, text=True)


@asynccontextmanager
async def relay(server: socket.socket, reach: Callable[[], socket.socket]) -> AsyncIterator[None]:
    """Whoever connects to `server` speaks with what `reach` connects to."""
    links: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        links.add(link)
        link.add_done_callback(links.discard)
        far = None
        try:
            near, far = await asyncio.open_connection(sock=await asyncio.to_thread(reach))
            async with asyncio.TaskGroup() as both:
                both.create_task(carry(reader, far))
                both.create_task(carry(near, writer))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()

    listening = await asyncio.start_server(meet, sock=server)
    try:
        yield
    finally:
        listening.close()
        for link in links:
            link.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*links, return_exceptions=True)


async def carry(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    """Until one of both ends."""
    while data := await source.read(65_536):
        to.write(data)
        await to.drain()
    raise ConnectionResetError
