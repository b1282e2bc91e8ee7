"""This file is where a link to a real PostgreSQL is asked: in order, one transaction, as text."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from local.gateway.link import MOST_PREPARED, Link, Statement
from local.gateway.links import Links
from tests.conftest import Database

Asking = Callable[[Link], Awaitable[None]]


def asked(database: Database, ask: Asking) -> None:
    """Runs `ask` with a link of its own."""

    async def run() -> None:
        link = await Link.open(database.dsn())
        try:
            await ask(link)
        finally:
            link.close()

    asyncio.run(run())


def test_statements_run_in_order_and_the_last_row_is_the_answer(database: Database) -> None:
    async def ask(link: Link) -> None:
        assert await link.ask(Statement(b"select 1"), Statement(b"select $1::text", [b"a;b'"])) == [
            b"a;b'"
        ]
        assert await link.ask(Statement(b"select null, ''")) == [None, b""]
        # No row is no answer; that of the statement before it stays.
        none = Statement(b"select 1 where false")
        assert await link.ask(Statement(b"select 2"), none) == [b"2"]
        assert await link.ask(none) == []

    asked(database, ask)


def test_a_statement_that_fails_takes_back_those_before_it_and_stops_those_after(
    database: Database,
) -> None:
    count = Statement(b"select count(*) from public.t")

    async def ask(link: Link) -> None:
        await link.ask(Statement(b"create table public.t (n integer)"))
        insert = Statement(b"insert into public.t values ($1::text::integer)", [b"1"])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            await link.ask(insert, Statement(insert.text, [b"x"]), insert)
        assert link.is_idle
        assert await link.ask(count) == [b"0"]
        assert await link.ask(insert, insert, count) == [b"2"]

    asked(database, ask)


def test_a_statement_that_could_not_be_prepared_can_be_asked_again(database: Database) -> None:
    late = Statement(b"select n from public.late")

    async def ask(link: Link) -> None:
        for _ in range(2):
            with pytest.raises(psycopg.errors.UndefinedTable):
                await link.ask(late)
        await link.ask(Statement(b"create table public.late (n integer)"))
        assert await link.ask(late) == []

    asked(database, ask)


def test_prepared_statements_are_reused_and_do_not_pile_up(database: Database) -> None:
    known = Statement(b"select count(*) from pg_prepared_statements")

    async def ask(link: Link) -> None:
        for _ in range(3):
            await link.ask(Statement(b"select 'again'"))
        assert await link.ask(known) == [b"2"]
        for number in range(MOST_PREPARED + 10):
            await link.ask(Statement(b"select %d" % number))
        [left] = await link.ask(known)
        assert left is not None
        assert int(left) < MOST_PREPARED
        assert await link.ask(Statement(b"select 'again'")) == [b"again"]

    asked(database, ask)


def test_more_than_a_socket_holds_goes_both_ways(database: Database) -> None:
    text = b"x" * 20_000_000

    async def ask(link: Link) -> None:
        statement = Statement(b"select $1::text, length($1::text)", [text])
        assert await link.ask(statement) == [text, b"20000000"]

    asked(database, ask)


def test_who_stops_waiting_ends_the_link_so_that_nobody_gets_his_answer(database: Database) -> None:
    async def ask(link: Link) -> None:
        waiting = asyncio.ensure_future(link.ask(Statement(b"select pg_sleep(600)")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not link.is_idle

    asked(database, ask)


def test_a_server_that_ends_the_connection_is_told_to_who_waits(database: Database) -> None:
    end = Statement(b"select pg_terminate_backend(pg_backend_pid())")

    async def ask(link: Link) -> None:
        with pytest.raises(psycopg.OperationalError):
            await link.ask(end)
        assert not link.is_idle

    asked(database, ask)


def test_a_link_comes_back_without_its_transaction_and_a_broken_one_does_not(
    database: Database,
) -> None:
    async def lend() -> None:
        links = Links(database.dsn(), 1, 5)
        async with links.one() as first:
            await first.ask(Statement(b"begin"), Statement(b"create table public.gone ()"))
            assert first.in_transaction
        async with links.one() as again:
            assert again is first
            assert await again.ask(Statement(b"select to_regclass('public.gone')")) == [None]
            again.close()
        async with links.one() as other:
            assert other is not first
            assert await other.ask(Statement(b"select 1")) == [b"1"]
        links.close()

    asyncio.run(lend())
