"""This file is where the gateway's connections live and follow PostgreSQL down and up again."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from local.gateway.call import Call
from local.gateway.catalog import Catalog, load_catalog
from local.gateway.config import Config
from local.gateway.errors import ApiError, away
from local.gateway.link import BOUNDS, Link, Row, Statement
from local.gateway.links import Links

log = logging.getLogger(__name__)

BUSY = 504
RETRY_SECONDS = 0.3
START_SECONDS = 5.0
ISOLATION_LEVELS = ("read committed", "repeatable read", "serializable")
# What a function set for the whole session must not reach the next caller.
RESET = Statement(b"reset all")
SETTINGS = b"select set_config(key, value, true) from json_each_text($1::json)"
COMMIT = Statement(b"commit")
ZONES = b"select string_agg(name, e'\\n') from pg_timezone_names"
ROLE = b"select set_config('role', $1, true)"

AuthConnection = psycopg.AsyncConnection[dict[str, Any]]
AuthPool = AsyncConnectionPool[AuthConnection]


class Answer(NamedTuple):
    """The single row of an `envelope` statement."""

    rows: int
    text: bytes
    total: int | None = None
    headers: bytes | None = None
    status: bytes | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One request's statement and the transaction that it wants."""

    call: Call
    statement: Statement
    write: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    isolation: str = ""
    check: Callable[[Answer], None] | None = None


class Database:
    """PostgreSQL as the gateway sees it: there, with a catalog, or away."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._rest: Links | None = None
        self._auth: AuthPool | None = None
        self._catalog: Catalog | None = None
        self._up = asyncio.Event()
        self._zones: frozenset[str] = frozenset()

    @property
    def catalog(self) -> Catalog:
        """What the schemas hold; raises ApiError 503 while PostgreSQL is away."""
        if self._catalog is None or self._rest is None:
            raise away()
        return self._catalog

    async def wait_until_up(self) -> None:
        """Waits a few seconds for PostgreSQL; until it comes, requests are answered with 503."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._up.wait(), START_SECONDS)

    async def follow(self) -> None:
        """Runs for ever: connects, reloads the catalog on NOTIFY pgrst, connects again."""
        said = ""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                if (reason := str(error).strip()) != said or self._up.is_set():
                    log.warning("PostgreSQL is away: %s", reason)
                said = reason
            except Exception:
                # A surprise must not end the watching: no request would be served any more.
                log.exception("The catalog could not be read")
            finally:
                await self._disconnect()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connect = psycopg.AsyncConnection.connect
        async with await connect(self.config.dsn, autocommit=True, **BOUNDS) as listener:
            await listener.execute("listen pgrst")
            self._catalog = await load_catalog(listener, self.config.schemas)
            await self._connect()
            async for _ in listener.notifies():
                async with await connect(self.config.dsn, autocommit=True) as connection:
                    self._catalog = await load_catalog(connection, self.config.schemas)

    async def _connect(self) -> None:
        config = self.config
        self._rest = Links(config.dsn, config.pool, config.pool_wait)
        self._auth = AsyncConnectionPool(
            config.auth_dsn,
            min_size=1,
            max_size=4,
            timeout=config.pool_wait,
            kwargs={"row_factory": dict_row, **BOUNDS},
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        await self._auth.open(wait=True, timeout=START_SECONDS)
        self._up.set()

    async def _disconnect(self) -> None:
        links, pool = self._rest, self._auth
        self._rest, self._auth = None, None
        self._up.clear()
        if links is not None:
            links.close()
        if pool is not None:
            await pool.close(timeout=2)

    async def answers(self) -> bool:
        """Whether PostgreSQL answers now."""
        try:
            async with self._links.one() as link:
                await link.ask(Statement(b"select 1"))
        except ApiError as error:
            return error.status == BUSY  # which is not away
        except psycopg.Error:
            return False
        return True

    @property
    def _links(self) -> Links:
        if self._rest is None:
            raise away()
        return self._rest

    @contextlib.asynccontextmanager
    async def accounts(self) -> AsyncIterator[AuthConnection]:
        """A connection to the auth schema, in one transaction; ApiError 503 without PostgreSQL."""
        if self._auth is None:
            raise away()
        async with self._auth.connection() as connection:
            yield connection

    async def zones(self) -> frozenset[str]:
        """The time zones that PostgreSQL knows, read when the first request names one."""
        if not self._zones:
            async with self._links.one() as link:
                (listed,) = await link.ask(Statement(ZONES))
            self._zones = frozenset((listed or b"").decode().split("\n"))
        return self._zones

    async def run(self, work: Work) -> Answer:
        """Runs one request in one transaction; a failed check rolls it back."""
        settings = work.call.settings(self.config, self.catalog, work.settings)
        async with self._links.one() as link:
            if (role := work.call.role) not in self.config.roles:
                # PostgreSQL says why; what it would allow all the same is not for requests.
                await link.ask(Statement(ROLE, [role.encode()]))
                raise ApiError(401, "22023", f'role "{role}" does not exist')
            return await _run(link, work, settings)


async def _run(link: Link, work: Work, settings: Mapping[str, str]) -> Answer:
    # One round trip. What only reads is one implicit transaction; a write needs a commit of its
    # own, whose refusal (a deferred constraint) is then told like any other, and when the answer
    # is to be judged first, the commit waits for that.
    told = json.dumps({"transaction_read_only": "off" if work.write else "on", **settings})
    steps = [Statement(SETTINGS, [told.encode()]), work.statement]
    explicit = work.write or bool(work.isolation)
    if explicit:
        steps.insert(0, _begin(work.isolation))
        if work.check is None:
            steps.append(COMMIT)
    answer = _answer(await link.ask(RESET, *steps))
    if work.check is not None:
        work.check(answer)
        if explicit:
            await link.ask(COMMIT)
    return answer


def _begin(isolation: str) -> Statement:
    level = f"begin isolation level {isolation}" if isolation in ISOLATION_LEVELS else "begin"
    return Statement(level.encode())


def _answer(row: Row) -> Answer:
    rows, text, total, headers, status = row
    return Answer(
        int(rows or 0), text or b"", None if total is None else int(total), headers, status
    )
