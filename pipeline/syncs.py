"""This file is where a worker reads the conversations of pages, several pages at the same time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from postgrest import APIError

from pipeline.lease import read_clock
from pipeline.model import Fail, Heard, SyncLease, ThreadPage
from pipeline.ports import MessengerError
from pipeline.recorder import is_passing, name_of
from pipeline.steps.hear import hear
from pipeline.steps.page_token import open_token
from pipeline.steps.read_trouble import refused_subscription, trouble
from pipeline.sync_store import SyncStore
from pipeline.vault import Vault

log = logging.getLogger("stagelight.syncs")

Row = dict[str, Any]
PAGES_AT_ONCE = 4
MESSAGES_AT_ONCE = 200
# Facebook's limit for conversations is two calls a second and page.
SECONDS_BETWEEN_CALLS = 0.5
FULL_PERCENT = 95
ANOTHER_PAGE = {
    "error_code": "another_page",
    "error_message": "The stored token is not this page's own, so nothing of the page is heard.",
    "error_hint": "Give the page a new access token under Pages.",
    "page_status": "token_invalid",
}
SURPRISE = {
    "error_code": "unexpected",
    "error_message": "Something unexpected happened here; it is in the worker's log.",
    "error_hint": "It is tried again by itself. If it stays, report it.",
}


class Reader(Protocol):
    """Lists a page's conversations; every method may raise MessengerError."""

    async def whose(self, token: str) -> str:
        """The id of the page that the token is of."""
        ...

    async def count(self, page_id: str, token: str, cursor: str | None) -> ThreadPage:
        """The next conversations without their content."""
        ...

    async def read(self, page_id: str, token: str, cursor: str | None, limit: int) -> ThreadPage:
        """The next conversations with their newest messages."""
        ...

    async def subscribe(self, page_id: str, token: str) -> None:
        """Has Facebook tell of the page's messages."""
        ...


class Syncs:
    """Pages in hand, each a task of its own; a step is written down before the next one begins."""

    def __init__(
        self,
        store: SyncStore,
        reader: Reader,
        vault: Vault,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = read_clock,
    ) -> None:
        self._store = store
        self._reader = reader
        self._vault = vault
        self._sleep = sleep
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def turn(self) -> int:
        """Takes up pages that are due, as far as there is room; returns how many."""
        free = PAGES_AT_ONCE - len(self._tasks)
        if self._stopping or free <= 0:
            return 0
        leases = await self._store.claim(free)
        for lease in leases:
            task = asyncio.ensure_future(self._run(lease))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(leases)

    async def drain(self) -> None:
        """Returns when no page is in hand."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def stop(self) -> None:
        """From now on no page is taken up, and those in hand are given back after their step."""
        self._stopping = True

    def give_up(self) -> None:
        """Ends at once; another worker goes on when the leases have run out."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, lease: SyncLease) -> None:
        about = {"page": lease.page_id, "phase": lease.phase}
        try:
            outcome = await self._read(lease)
        except Exception as error:
            if is_passing(error):  # the database is away: the lease runs out, and it goes on
                log.warning("waiting", extra={**about, "error": name_of(error)})
                return
            log.exception("surprise", extra=about)
            outcome = SURPRISE
        if outcome is None:
            log.info("sync", extra=about)
            return
        log.warning("sync stopped", extra={**about, "code": outcome.get("error_code", "")})
        try:
            await self._store.stop(lease, outcome)
        except Exception as error:
            # Not given back, the lease runs out.
            log.warning("not given back", extra={**about, "error": name_of(error)})

    async def _read(self, lease: SyncLease) -> Row | None:
        """None when the round is over or somebody else's; else why it stopped."""
        token = open_token(lease, self._vault)
        if isinstance(token, Fail):
            return {
                "error_code": token.code,
                "error_message": token.message,
                "error_hint": token.hint,
                "page_status": token.page_status,
            }
        if lease.must_prove and (refused := await self._prove(lease, token)) is not None:
            return refused
        if lease.must_subscribe:
            await self._subscribe(lease, token)
        wait, phase, cursor, size = (
            lease.wait_seconds,
            lease.phase,
            lease.cursor,
            lease.page_size,
        )
        while not self._stopping:
            await self._sleep(wait)
            called_at = self._clock()
            try:
                page = await self._call(lease, token, phase, cursor, size)
            except MessengerError as error:
                return trouble(error, cursor, size)
            answer = await self._keep(lease, phase, page)
            if not answer["held"] or answer["phase"] == "idle":
                return None
            if page.usage_percent >= FULL_PERCENT:
                return {}
            cursor = page.cursor if answer["phase"] == phase else None
            phase = answer["phase"]
            # The database gives places; a slow way to it must not bring two calls together.
            passed = self._clock() - called_at
            wait = max(answer["wait_seconds"], SECONDS_BETWEEN_CALLS - passed)
        return {}

    async def _prove(self, lease: SyncLease, token: str) -> Row | None:
        """Anybody can name a page's id; before it is heard, Facebook says whose it is."""
        try:
            owner = await self._reader.whose(token)
        except MessengerError as error:
            return trouble(error, None, lease.page_size)
        if owner != lease.facebook_page_id:
            return ANOTHER_PAGE
        return None if await self._store.prove(lease) else {}

    async def _call(
        self, lease: SyncLease, token: str, phase: str, cursor: str | None, size: int
    ) -> ThreadPage:
        if phase == "counting":
            return await self._reader.count(lease.facebook_page_id, token, cursor)
        return await self._reader.read(lease.facebook_page_id, token, cursor, size)

    async def _keep(self, lease: SyncLease, phase: str, page: ThreadPage) -> Row:
        """Stores what was read, then how far: killed between the two, it reads that part again."""
        if phase == "counting":
            heard = Heard([], [], len(page.threads), None, False)
        else:
            heard = hear(lease.facebook_page_id, page.threads, lease.high_water_at)
        for first in range(0, len(heard.messages), MESSAGES_AT_ONCE):
            await self._hear(lease, heard.messages[first : first + MESSAGES_AT_ONCE])
        if heard.people:
            await self._store.meet(lease.page_id, heard.people)
        step = {
            "threads": heard.threads,
            "cursor": page.cursor,
            "ended": page.cursor is None or heard.reached,
            "newest_at": heard.newest_at.isoformat() if heard.newest_at else None,
            "usage_percent": page.usage_percent,
            "regain_seconds": page.regain_seconds,
        }
        return await self._store.advance(lease, step)

    async def _hear(self, lease: SyncLease, messages: list[Row]) -> None:
        """One message that the database refuses keeps no other out, and the page not for ever."""
        try:
            await self._store.hear(lease.page_id, messages)
        except APIError as error:
            if is_passing(error):
                raise
            if len(messages) == 1:
                log.error("message refused", extra={"page": lease.page_id, "code": error.code})  # noqa: TRY400
                return
            half = len(messages) // 2
            await self._hear(lease, messages[:half])
            await self._hear(lease, messages[half:])

    async def _subscribe(self, lease: SyncLease, token: str) -> None:
        problem = None
        try:
            await self._reader.subscribe(lease.facebook_page_id, token)
        except MessengerError as error:
            problem = refused_subscription(error)
        await self._store.note_subscription(lease, problem)
