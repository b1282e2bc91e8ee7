"""This file is where copies of the migrated database are made ahead of the tests that take them."""

import secrets
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
from psycopg import sql

from local.postgres import Postgres

AHEAD = 3
# Whoever was connected needs a moment to leave; the server would wait for it in tenths of seconds.
LEFT_ALONE = 3


class Copies:
    """Databases like `template`, made and dropped on a thread while tests run."""

    def __init__(self, cluster: Postgres, template: str) -> None:
        self._template = sql.Identifier(template)
        self._admin = psycopg.connect(cluster.superuser_dsn(), autocommit=True)
        self._thread = ThreadPoolExecutor(1)
        self._made: deque[Future[str]] = deque()
        self._left: deque[str] = deque()
        self._drops: list[Future[None]] = []
        for _ in range(AHEAD):
            self._made.append(self._thread.submit(self._make))

    def take(self) -> str:
        """The name of a fresh copy; nobody else is given it."""
        self._made.append(self._thread.submit(self._make))
        return self._made.popleft().result()

    def give_back(self, name: str) -> None:
        """Has it dropped, together with whoever is still connected to it."""
        self._left.append(name)
        if len(self._left) > LEFT_ALONE:
            self._drops.append(self._thread.submit(self._drop, self._left.popleft()))

    def close(self) -> None:
        """Waits for what was begun; an error of a drop shows here."""
        self._thread.shutdown()
        self._admin.close()
        for drop in self._drops:
            drop.result()

    def _make(self) -> str:
        name = f"test_{secrets.token_hex(6)}"
        copy = sql.SQL("create database {} owner postgres template {} strategy file_copy")
        self._admin.execute(copy.format(sql.Identifier(name), self._template))
        return name

    def _drop(self, name: str) -> None:
        self._admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
