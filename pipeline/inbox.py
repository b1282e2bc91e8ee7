"""This file is where the receiver speaks to the database: store events, work on them, beat."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from supabase import AsyncClient

from pipeline.rows import Row
from pipeline.store import UnreadableAnswerError


class Inbox:
    """The receiver's calls; each may raise APIError, `httpx.HTTPError` or UnreadableAnswerError."""

    def __init__(self, client: AsyncClient, receiver: str, version: str) -> None:
        self._client = client
        self._receiver = receiver
        self._version = version

    async def store(self, events: Sequence[Row]) -> Row:
        """Stores events; says how many were new."""
        return await self._call("store_events", p_events=list(events))

    async def work(self, limit: int) -> Row:
        """Works on what is due of one page; counts what was taken, done, put off, failed."""
        return await self._call("work_on_events", p_limit=limit)

    async def beat(
        self, spool_bytes: int, heard_at: datetime | None, *, stopping: bool = False
    ) -> Row:
        """Says that this receiver lives; learns what waits in the database."""
        return await self._call(
            "receiver_beat",
            p_name=self._receiver,
            p_version=self._version,
            p_spool_bytes=spool_bytes,
            p_heard_at=heard_at and heard_at.isoformat(),
            p_stopping=stopping,
        )

    async def deletion_status(self, code: str) -> Row | None:
        """How far a request to be deleted is; None for a code that is not known."""
        told = {"p_code": code}
        answer = (await self._client.rpc("deletion_status", told).execute()).data
        return dict(answer) if isinstance(answer, dict) else None

    async def forget(self) -> Row:
        """Deletes whom it is known to delete."""
        return await self._call("finish_deletions")

    async def _call(self, function: str, **arguments: Any) -> Row:
        answer = (await self._client.rpc(function, arguments).execute()).data
        if not isinstance(answer, dict):
            raise UnreadableAnswerError(function)
        return answer
