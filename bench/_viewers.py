"""This file is where viewers ask the dashboard as browsers do, without being browsers."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bench._watched import Watched

CALLBACK = "/_dash-update-component"
SPREAD_SECONDS = 0.05


@dataclass
class Viewer:
    """One tab: a connection that is kept, and the revision it shows."""

    watched: Watched
    times: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    rev: str = ""
    seq: int = 0
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def ask(self, *, now: bool = False) -> dict[str, Any]:
        """One poll; its time and the size of the answer's body are kept."""
        self.seq += 1
        asked = {
            "rule_id": str(self.watched.rule["id"]),
            **{"seq": self.seq, "rev": self.rev, "stage": "", "search": "", "offset": 0},
            "now": now,
        }
        started = time.perf_counter()
        body = await self._post(json.dumps(request(asked)).encode())
        self.times.append((time.perf_counter() - started) * 1000)
        self.sizes.append(len(body))
        answer: dict[str, Any] = json.loads(body)["response"]["live-answer"]["data"]
        self.rev = answer["rev"]
        return answer

    async def watch(self, seconds: float) -> None:
        """Asks again whenever the server says that there may be something new."""
        until = time.monotonic() + seconds
        await asyncio.sleep(random.random() * 2)  # noqa: S311
        while time.monotonic() < until:
            answer = await self.ask()
            await asyncio.sleep(answer["wait"] + random.random() * SPREAD_SECONDS)  # noqa: S311

    async def _post(self, body: bytes) -> bytes:
        address = urlsplit(self.watched.stack.dashboard_url)
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", address.port)
        reader, writer = self._reader, self._writer
        if reader is None:
            raise ConnectionError
        writer.write(
            f"POST {CALLBACK} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Cookie: {self.watched.cookie}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if " 200 " not in head.splitlines()[0]:
            raise ConnectionError(head)
        length = next(
            int(line.split(":")[1])
            for line in head.lower().splitlines()
            if line.startswith("content-length:")
        )
        return await reader.readexactly(length)

    def leave(self) -> None:
        """Closes the tab, or hides it: what it shows is kept, and the connection is not."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def request(asked: dict[str, Any]) -> dict[str, Any]:
    """What Dash's renderer sends for a poll."""
    return {
        "output": "live-answer.data",
        "outputs": {"id": "live-answer", "property": "data"},
        "inputs": [{"id": "live-request", "property": "data", "value": asked}],
        "changedPropIds": ["live-request.data"],
        "parsedChangedPropsIds": ["live-request.data"],
    }


async def crowd(watched: Watched, viewers: int, seconds: float) -> list[float]:
    """So many viewers watch for a while; how long each of their polls took, in ms."""
    all_of_them = [Viewer(watched) for _ in range(viewers)]
    try:
        await asyncio.gather(*(viewer.watch(seconds) for viewer in all_of_them))
    finally:
        for viewer in all_of_them:
            viewer.leave()
    return [taken for viewer in all_of_them for taken in viewer.times]
