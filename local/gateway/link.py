"""This file is where statements travel to PostgreSQL, several in one round trip, as plain text.

It speaks libpq's pipeline mode through psycopg's binding of it: psycopg's cursors would cost more
than the statements, and turn into Python objects what only passes through.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

# Of a cable that is pulled nobody is told: what is not acknowledged in time ends the connection.
BOUNDS: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
}
# And what is, by something between that passes nothing on. No statement takes so long.
LONGEST_SECONDS = 150.0
MOST_PREPARED = 200
OPEN_TRANSACTION = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


class Statement(NamedTuple):
    """SQL with $1, $2 ... and their values, which PostgreSQL types by where they stand."""

    text: bytes
    values: Sequence[bytes] = ()


Row = list[bytes | None]


class Link:
    """One connection, for one caller at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._names: dict[bytes, bytes] = {}
        self._made = 0
        # What an answer is still due to: the text that was to be prepared, or None.
        self._due: list[bytes | None] = []
        self._row: Row = []
        self._error: psycopg.Error | None = None
        self._answered: asyncio.Future[None] | None = None
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._socket = self._pg.socket
        self._loop.add_reader(self._socket, self._read)

    @classmethod
    async def open(cls, dsn: str) -> "Link":
        """Raises psycopg.OperationalError when PostgreSQL does not take the connection."""
        connect = psycopg.AsyncConnection.connect
        return cls(await connect(dsn, autocommit=True, **BOUNDS))

    @property
    def is_idle(self) -> bool:
        """Whether it is open and in no transaction."""
        return self._pg.transaction_status == TransactionStatus.IDLE

    @property
    def in_transaction(self) -> bool:
        return self._pg.transaction_status in OPEN_TRANSACTION

    def close(self) -> None:
        """Ends the connection; whoever waits for an answer gets a psycopg.OperationalError."""
        if self._socket >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = -1
            self._pg.finish()
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(psycopg.OperationalError("the connection was lost"))

    async def ask(self, *statements: Statement) -> Row:
        """Runs them in order and gives the last row there was.

        Without a `begin` they are one transaction. Raises the psycopg.Error of the one that
        failed; those after it were not run.
        """
        self._row, self._error = [], None
        self._answered = self._loop.create_future()
        try:
            self._forget_old()
            for statement in statements:
                self._send(statement)
            self._pg.pipeline_sync()
            self._write()
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._answered
        except TimeoutError as error:
            self.close()
            raise psycopg.OperationalError("PostgreSQL does not answer") from error
        except BaseException:
            self.close()
            raise
        finally:
            self._answered = None
        if self._error is not None:
            raise self._error
        return self._row

    def _forget_old(self) -> None:
        if len(self._names) > MOST_PREPARED and self.is_idle:
            self._names.clear()
            self._due.append(None)
            self._pg.send_query_params(b"deallocate all", None)

    def _send(self, statement: Statement) -> None:
        text, values = statement
        name = self._names.get(text)
        if name is None:
            self._made += 1
            name = self._names[text] = b"s%d" % self._made
            self._due.append(text)
            self._pg.send_prepare(name, text)
        self._due.append(None)
        self._pg.send_query_prepared(name, values)

    def _write(self) -> None:
        if self._pg.flush():
            self._loop.add_writer(self._socket, self._write_on)

    def _write_on(self) -> None:
        try:
            if not self._pg.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError:
            self.close()

    def _read(self) -> None:
        try:
            self._pg.consume_input()
            while self._answered is not None and not self._pg.is_busy():
                result = self._pg.get_result()
                if result is not None and self._take(result):
                    return
                if self._pg.status != ConnStatus.OK:
                    self.close()
                    # Nothing is busy on a closed one: this would go round for ever.
                    return
        except psycopg.OperationalError:
            self.close()

    def _take(self, result: PGresult) -> bool:
        """Keeps what matters of one result; True for the last."""
        status = result.status
        if status == ExecStatus.PIPELINE_SYNC:
            if self._answered is not None and not self._answered.done():
                self._answered.set_result(None)
            return True
        prepared = self._due.pop(0) if self._due else None
        if status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            if result.ntuples:
                self._row = [result.get_value(0, column) for column in range(result.nfields)]
            return False
        if prepared is not None:
            self._names.pop(prepared, None)
        if self._error is None and status == ExecStatus.FATAL_ERROR:
            self._error = error_from_result(result)
        return False
