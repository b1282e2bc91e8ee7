"""This file is where links to PostgreSQL are lent, and made anew when they broke."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from local.gateway.errors import busy
from local.gateway.link import Link, Statement

ROLLBACK = Statement(b"rollback")


class Links:
    """At most `most` links, lent for one request each."""

    def __init__(self, dsn: str, most: int, wait_seconds: float) -> None:
        self._dsn = dsn
        self._wait_seconds = wait_seconds
        self._room = asyncio.Semaphore(most)
        self._idle: list[Link] = []
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Link]:
        """A link of one's own; raises ApiError 504 when none comes free in time."""
        await self._wait_for_room()
        try:
            link = self._take() or await Link.open(self._dsn)
            try:
                yield link
            finally:
                await self._give_back(link)
        finally:
            self._room.release()

    def close(self) -> None:
        """Those that are lent are closed when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds if self._room.locked() else None):
                await self._room.acquire()
        except TimeoutError as error:
            raise busy() from error

    def _take(self) -> Link | None:
        while self._idle:
            if (link := self._idle.pop()).is_idle:
                return link
            link.close()
        return None

    async def _give_back(self, link: Link) -> None:
        try:
            if link.in_transaction:
                await link.ask(ROLLBACK)
        except psycopg.Error:
            link.close()
        if link.is_idle and not self._closed:
            self._idle.append(link)
        else:
            link.close()
