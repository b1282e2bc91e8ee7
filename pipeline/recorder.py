"""This file is where outcomes that are ready together are written down together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from postgrest import APIError

from pipeline.store import Store, UnreadableAnswerError

log = logging.getLogger("stagelight.recorder")

BATCH = 1000
LONGEST_WAIT_SECONDS = 5.0


class Recorder:
    """One writer per process; what arrives while a call is under way shares the next one.

    An outcome is kept until the database has answered: a contact that was sent to must not be
    forgotten because the database was away for a minute.
    """

    def __init__(
        self, store: Store, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store = store
        self._sleep = sleep
        self._waiting: list[tuple[dict[str, Any], asyncio.Future[str | None]]] = []
        self._arrived = asyncio.Event()

    async def record(self, row: dict[str, Any]) -> str | None:
        """Returns when the outcome is committed: None, or why it changed nothing."""
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        self._arrived.set()
        return await done

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._arrived.wait()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not self._waiting:
                self._arrived.clear()
            if batch:
                await self._write(batch)

    async def _write(self, batch: list[tuple[dict[str, Any], asyncio.Future[str | None]]]) -> None:
        answers = await self._commit([row for row, _ in batch])
        problems = {answer["state_id"]: answer.get("problem") for answer in answers}
        for row, done in batch:
            if not done.done():
                done.set_result(problems.get(row["state_id"]))

    async def _commit(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        wait = 0.2
        while True:
            try:
                return await self._store.record(rows)
            except Exception as error:
                if not is_passing(error):
                    return await self._one_by_one(rows, error)
                log.warning("database away", extra={"kept": len(rows), "error": name_of(error)})
                await self._sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _one_by_one(
        self, rows: list[dict[str, Any]], error: Exception
    ) -> list[dict[str, Any]]:
        """One row the database refuses must not hold up the others; its lease runs out instead."""
        if len(rows) == 1:
            refused = {"state_id": rows[0]["state_id"], "error": name_of(error)}
            log.error("outcome refused", extra=refused)
            return [{"state_id": rows[0]["state_id"], "problem": "refused"}]
        return [answer for row in rows for answer in await self._commit([row])]


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed later; a mistake of ours in a row never passes."""
    away = isinstance(error, APIError | httpx.HTTPError | UnreadableAnswerError)
    return away and not is_refusal(error)


def is_refusal(error: Exception) -> bool:
    """Whether the database understood and said no: trying the same again cannot help.

    Connection loss (08), shutdown and timeouts (57), resources (53), conflicts (40) and the
    gateway's own troubles pass; data, constraint, size and raised errors (22, 23, 54, P0) do not.
    """
    return isinstance(error, APIError) and str(error.code)[:2] in ("22", "23", "54", "P0")


def name_of(error: Exception) -> str:
    """What may be logged of an error: its kind and code, never its text, which may hold data."""
    code = error.code or "" if isinstance(error, APIError) else ""
    return f"{type(error).__name__} {code}".strip()


def advice_on(error: Exception) -> str:
    """Which setting, or which step of an upgrade, to look at; empty where neither is to blame."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "SUPABASE_URL cannot be reached."
    if not isinstance(error, APIError):
        return ""
    # A key that is none has no code; one of the wrong kind is let in, but not to the functions.
    code = error.code or ""
    if code == "PGRST202":
        return "The database lacks a function: run sql/add-automation-monitoring.sql on it first."
    if code in ("", "401", "403", "42501") or code.startswith("PGRST3"):
        return "SUPABASE_SECRET_KEY was refused: it must be the secret key of this project."
    return ""
