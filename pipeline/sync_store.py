"""This file is where the worker tells the database what it read of a page's conversations."""

from datetime import datetime
from typing import Any

from supabase import AsyncClient

from pipeline.model import SyncLease
from pipeline.rows import Row, built

# Renewed with every step, and one takes a few seconds at most.
LEASE_SECONDS = 60


class SyncStore:
    """The calls about reading; each may raise APIError or `httpx.HTTPError`."""

    def __init__(self, client: AsyncClient, worker: str) -> None:
        self._client = client
        self._worker = worker

    async def claim(self, limit: int) -> list[SyncLease]:
        """Up to `limit` pages whose conversations are due to be read."""
        rows = await self._call(
            "claim_syncs", p_worker=self._worker, p_limit=limit, p_lease_seconds=LEASE_SECONDS
        )
        return [_lease(row) for row in rows]

    async def hear(self, page_id: str, messages: list[Row]) -> None:
        """Stores messages, those that are known excepted; at most 1,000."""
        await self._call("hear_messages", p_page_id=page_id, p_messages=messages)

    async def meet(self, page_id: str, people: list[Row]) -> None:
        """Stores people of whom no message can be read."""
        await self._call("hear_contacts", p_page_id=page_id, p_people=people)

    async def advance(self, lease: SyncLease, step: Row) -> Row:
        """Writes a step down; says whether to go on, in which phase, and after how long."""
        return dict(
            await self._call(
                "advance_sync",
                p_page_id=lease.page_id,
                p_lease_token=lease.lease_token,
                p_step=step,
                p_lease_seconds=LEASE_SECONDS,
            )
        )

    async def stop(self, lease: SyncLease, outcome: Row) -> None:
        """Gives the page back before its round is over."""
        await self._call(
            "stop_sync",
            p_page_id=lease.page_id,
            p_lease_token=lease.lease_token,
            p_outcome=outcome,
        )

    async def prove(self, lease: SyncLease) -> bool:
        """Writes down that Facebook knows the token as this page's; False: it is another by now."""
        return bool(
            await self._call(
                "prove_page",
                p_page_id=lease.page_id,
                p_lease_token=lease.lease_token,
                p_encrypted_token=lease.encrypted_token,
            )
        )

    async def note_subscription(self, lease: SyncLease, error: str | None) -> None:
        """Writes down whether Facebook tells of the page's messages; None: it does."""
        await self._call(
            "note_page_subscription",
            p_page_id=lease.page_id,
            p_lease_token=lease.lease_token,
            p_error=error,
        )

    async def _call(self, function: str, **arguments: Any) -> Any:
        return (await self._client.rpc(function, arguments).execute()).data


def _lease(row: Row) -> SyncLease:
    high_water = row["high_water_at"]
    at = datetime.fromisoformat(high_water) if high_water else None
    return built(SyncLease, {**row, "high_water_at": at})
