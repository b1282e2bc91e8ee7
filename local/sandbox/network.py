"""This file is where the network's own faults are made: resets, silence, delays."""

import asyncio
import random
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


@dataclass(frozen=True, slots=True)
class Delay:
    """How long an answer takes: anything between two numbers of seconds, equally likely."""

    least: float = 0.0
    most: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Delay":
        """`"0.2,0.5"` or `"0.3"`, in seconds. Raises ValueError with a sentence for a person."""
        parts = text.split(",")
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 2) or not 0 <= numbers[0] <= numbers[-1] <= 600:
            raise ValueError(f"{text!r} is not a delay; write seconds as 0.2,0.5 or 0.3.")
        return cls(numbers[0], numbers[-1])

    async def wait(self) -> None:
        """Waits for one answer's time."""
        if self.most > 0:
            await asyncio.sleep(random.SystemRandom().uniform(self.least, self.most))


NO_DELAY = Delay()


class OpenProtocol(H11Protocol):
    """uvicorn's HTTP protocol that lets a handler reach its own connection, to break it."""

    def connection_made(self, transport: Any) -> None:
        """Keeps the transport where `request.state.transport` finds it."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def gateway_page() -> Response:
    """What a proxy in front of a provider answers when the provider is away."""
    return HTMLResponse(GATEWAY_PAGE, status_code=502)


def nested() -> Response:
    """JSON that is deeper than a reader which calls itself can follow."""
    return Response("[" * 200_000, media_type="application/json")


def flood() -> Response:
    """A good answer of Facebook's, and so much white space that nobody should read it all."""

    async def parts() -> AsyncIterator[bytes]:
        yield b'{"message_id": "m_flood"'
        for _ in range(64):
            yield b" " * 2**20
        yield b"}"

    return StreamingResponse(parts(), media_type="application/json")


def packed() -> Response:
    """The same in few bytes, for whoever unpacks them."""
    body = zlib.compress(b'{"message_id": "m_flood"' + b" " * 2**26 + b"}", wbits=31)
    return Response(body, media_type="application/json", headers={"Content-Encoding": "gzip"})


# What is answered in place of what was asked for, by the name of the answer.
PAGES: dict[str, Callable[[], Response]] = {
    "gateway-page": gateway_page,
    "nested": nested,
    "flood": flood,
    "packed": packed,
}


async def reset(request: Request) -> Response:
    """Ends the connection with a TCP reset, without an answer."""
    transport = request.state.transport
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    return Response()


async def hang(request: Request) -> Response:
    """Never answers; ends when the caller gives up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()
