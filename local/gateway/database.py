"""This file is where the gateway's connections live: pools that follow PostgreSQL down and up, one transaction a request."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.sql import Composed
from psycopg_pool import AsyncConnectionPool

from local.gateway.catalog import Catalog, load_catalog
from local.gateway.config import Config
from local.gateway.errors import ApiError

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.3
START_SECONDS = 5.0
SETTINGS = (
    "select set_config(name, value, true) from unnest(%s::text[], %s::text[]) as s (name, value)"
)

RestPool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]
AuthConnection = psycopg.AsyncConnection[dict[str, Any]]
AuthPool = AsyncConnectionPool[AuthConnection]


class Answer(NamedTuple):
    """The single row of an `envelope` statement."""

    rows: int
    text: str
    total: int | None
    headers: str | None
    status: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """One request's statement and the transaction that it wants."""

    statement: Composed
    parameters: dict[str, Any]
    settings: Sequence[tuple[str, str]]
    write: bool
    isolation: str = ""
    check: Callable[[Answer], None] | None = None


class Database:
    """PostgreSQL as the gateway sees it: there, with a catalog, or away."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._rest: RestPool | None = None
        self._auth: AuthPool | None = None
        self._catalog: Catalog | None = None
        self._up = asyncio.Event()

    @property
    def catalog(self) -> Catalog:
        """What the schemas hold; raises ApiError 503 while PostgreSQL is away."""
        if self._catalog is None or self._rest is None:
            raise ApiError(503, "PGRST001", "Database client error. Retrying the connection.")
        return self._catalog

    async def wait_until_up(self) -> None:
        """Waits a few seconds for the first connection; a late PostgreSQL is answered with 503 until it comes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._up.wait(), START_SECONDS)

    async def follow(self) -> None:
        """Runs for ever: connects, reloads the catalog on NOTIFY pgrst, starts again when PostgreSQL went away."""
        said = ""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                if (reason := str(error).strip()) != said:
                    log.warning("PostgreSQL is away: %s", reason)
                said = reason
            finally:
                await self._disconnect()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connect = psycopg.AsyncConnection.connect
        async with await connect(self._config.dsn, autocommit=True, connect_timeout=5) as listener:
            await listener.execute("listen pgrst")
            self._catalog = await load_catalog(listener, self._config.schemas)
            await self._connect()
            async for _ in listener.notifies():
                self._catalog = await load_catalog(listener, self._config.schemas)

    async def _connect(self) -> None:
        config = self._config
        self._rest = AsyncConnectionPool(
            config.dsn,
            min_size=2,
            max_size=config.pool,
            timeout=config.pool_wait,
            kwargs={"autocommit": True, "prepare_threshold": 2},
            open=False,
        )
        self._auth = AsyncConnectionPool(
            config.auth_dsn,
            min_size=1,
            max_size=4,
            timeout=config.pool_wait,
            kwargs={"row_factory": dict_row},
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        await self._rest.open(wait=True, timeout=START_SECONDS)
        await self._auth.open(wait=True, timeout=START_SECONDS)
        self._up.set()

    async def _disconnect(self) -> None:
        pools, self._rest, self._auth = (self._rest, self._auth), None, None
        self._up.clear()
        for pool in pools:
            if pool is not None:
                await pool.close(timeout=2)

    async def answers(self) -> bool:
        """Whether PostgreSQL answers now."""
        try:
            async with self._pool.connection(timeout=2) as connection:
                await connection.execute("select 1")
        except (psycopg.Error, ApiError):
            return False
        return True

    @property
    def _pool(self) -> RestPool:
        if self._rest is None:
            raise ApiError(503, "PGRST001", "Database client error. Retrying the connection.")
        return self._rest

    @contextlib.asynccontextmanager
    async def accounts(self) -> AsyncIterator[AuthConnection]:
        """A connection to the auth schema, in one transaction; raises ApiError 503 while PostgreSQL is away."""
        if self._auth is None:
            raise ApiError(503, "PGRST001", "Database client error. Retrying the connection.")
        async with self._auth.connection() as connection:
            yield connection

    async def run(self, work: Work) -> Answer:
        """Runs one request in one transaction; a failed check rolls it back.

        Everything up to the first answer is one pipeline, so a read is one round trip.
        """
        async with self._pool.connection() as connection:
            try:
                return await _run(connection, work)
            finally:
                state = connection.info.transaction_status
                if state not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
                    await connection.rollback()


async def _run(connection: psycopg.AsyncConnection[Any], work: Work) -> Answer:
    names = [name for name, _ in work.settings]
    values = [value for _, value in work.settings]
    async with connection.pipeline() as pipeline:
        # A function may have set something for the whole session; the next caller must not inherit it.
        await connection.execute("reset all")
        await connection.execute(begin(work))
        await connection.execute(SETTINGS, [names, values])
        cursor = await connection.execute(work.statement, work.parameters)
        if work.check is None:
            await connection.execute("commit")
        await pipeline.sync()
        row = await cursor.fetchone()
    answer = Answer(*row)  # type: ignore[misc]
    if work.check is not None:
        work.check(answer)
        await connection.execute("commit")
    return answer


def begin(work: Work) -> str:
    """The statement that opens the transaction; the isolation words are fixed, never the function's own text."""
    level = work.isolation.lower()
    known = level in ("read committed", "repeatable read", "serializable")
    isolation = f" isolation level {level}" if known else ""
    return f"begin{isolation} {'read write' if work.write else 'read only'}"
