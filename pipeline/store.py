"""This file is where the worker speaks to the database: claim, decide, record, beat."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from supabase import AsyncClient

from pipeline.clock import DatabaseClock
from pipeline.lease import read_clock
from pipeline.model import Fence, Held
from pipeline.rows import Row, cleaned, held_of
from pipeline.stages import Stage

ROWS_AT_ONCE = 500
WINDOWS_AT_ONCE = 5000


class UnreadableAnswerError(Exception):
    """The answer is not the database's: something in between spoke, as a maintenance page does."""


class Store:
    """The worker's calls; each may raise APIError, `httpx.HTTPError` or UnreadableAnswerError."""

    def __init__(self, client: AsyncClient, worker: str, lease_seconds: int = 30) -> None:
        self._client = client
        self.worker = worker
        self.lease_seconds = lease_seconds
        self.clock = DatabaseClock()
        # SHA-256 of METRICS_TOKEN in hex; empty: nobody reads metrics.
        self.metrics_hash = ""

    async def claim(self, stage: Stage, limit: int, in_hand: Row | None = None) -> list[Held]:
        """Up to `limit` due contacts of `stage`, each with a lease of its own.

        `in_hand` is what `pipeline.places` says of those that are being worked on.
        """
        # Before the call: the answer may take long, and the lease has begun by then.
        claimed_at = read_clock()
        return held_of(await self._claim(stage, limit, in_hand), claimed_at, self.lease_seconds)

    async def claim_to_check(self, limit: int) -> list[Fence]:
        """Up to `limit` queued contacts; the rules are SQL, so nothing else is told of them."""
        rows = await self._claim(Stage.QUEUED, limit)
        return [Fence(row["state_id"], row["lease_token"]) for row in rows]

    async def decide(self, claimed: Sequence[Fence]) -> list[Row]:
        """Applies the eligibility rules to claimed contacts; one row for each."""
        claims = [{"state_id": one.state_id, "lease_token": one.lease_token} for one in claimed]
        return await self._call_for_rows("decide_contacts", p_claims=claims)

    async def record(self, rows: Sequence[Row]) -> list[Row]:
        """Writes outcomes down, those of lost leases excepted; one row per outcome says which."""
        return await self._call_for_rows("record_outcomes", p_outcomes=list(rows))

    async def enqueue_due(self) -> Row:
        """Queues what is due of one automation whose time has come; one call each, so that a large
        one holds up no other.
        """
        return dict(await self._call("enqueue_due_contacts", p_limit=1))

    async def reclaim(self) -> int:
        """Takes contacts back from workers that stopped answering."""
        return int((await self._call("reclaim_expired_leases"))["reclaimed"])

    async def complete(self) -> int:
        """Ends sequences that are over."""
        return int(await self._call("complete_finished_sequences"))

    async def maintain(self, text_hours: int, history_days: int) -> Row:
        """Makes and drops days of history, removes old texts, sums up old minutes, skips who waited
        until the window closed; says what.
        """
        await self._call("set_metrics_key", p_token_hash=self.metrics_hash)
        done = await self._call("maintain", p_text_hours=text_hours, p_history_days=history_days)
        return {**done, "windows_closed": await self._skip_closed_windows()}

    async def _skip_closed_windows(self) -> int:
        skipped = 0
        while more := int(await self._call("skip_closed_windows", p_limit=WINDOWS_AT_ONCE)):
            skipped += more
            if more < WINDOWS_AT_ONCE:
                break
        return skipped

    async def roll_up(self, limit: int) -> Row:
        """Brings the figures of /analytics nearer to now; `more` says that there are others."""
        return dict(await self._call("roll_up", p_limit=limit))

    async def claim_previews(self, limit: int) -> list[Row]:
        """Up to `limit` test messages that people wait for, each handed out once."""
        found = await self._call("claim_previews", p_worker=self.worker, p_limit=limit)
        return [dict(row) for row in found]

    async def finish_preview(self, preview_id: str, result: Row) -> None:
        """Writes down what became of a test message."""
        await self._call(
            "finish_preview", p_id=preview_id, p_worker=self.worker, p_result=cleaned(result)
        )

    async def claim_confirmations(self, limit: int) -> list[Row]:
        """Answers to STOP and START that are due, each handed out once."""
        found = await self._call("claim_confirmations", p_worker=self.worker, p_limit=limit)
        return [dict(row) for row in found]

    async def finish_confirmation(
        self, confirmation_id: str, status: str, code: str, after_seconds: float = 0.0
    ) -> None:
        """Writes down what became of one; due again not before `after_seconds`."""
        await self._call(
            "finish_confirmation",
            p_id=confirmation_id,
            p_worker=self.worker,
            p_status=status,
            p_error_code=code or None,
            p_after_seconds=after_seconds,
        )

    async def hearing(self) -> tuple[int, float]:
        """How many receivers were heard of within a minute, and how far they are behind, in s."""
        found = await self._call("receiver_health")
        return int(found["alive"]), float(found["behind_seconds"])

    async def hold_sending(self, why: str) -> None:
        """Says why this worker sends nothing; without words, that it may again."""
        await self._call("hold_sending", p_worker=self.worker, p_why=why)

    async def deletions_to_resolve(self) -> list[Row]:
        """Requests of which it is not known yet who asked."""
        return [dict(row) for row in await self._call("deletions_to_resolve")]

    async def page_tokens(self) -> list[Row]:
        """Every proven page: Facebook's id of it, and its token, sealed."""
        secrets = await self._all("facebook_page_secrets", "page_id", "page_id, encrypted_token")
        tokens = {row["page_id"]: row["encrypted_token"] for row in secrets}
        pages = await self._all("facebook_pages", "id", "id, facebook_page_id, proven_at")
        return [
            {"facebook_page_id": row["facebook_page_id"], "encrypted_token": tokens[row["id"]]}
            for row in pages
            if row["proven_at"] and row["id"] in tokens
        ]

    async def _all(self, table: str, key: str, columns: str) -> list[Row]:
        """Every row; a hosted project gives a thousand in one answer."""
        found: list[Row] = []
        while True:
            asked = self._client.table(table).select(columns).order(key).limit(ROWS_AT_ONCE)
            rows: Any = (await (asked.gt(key, found[-1][key]) if found else asked).execute()).data
            found += rows
            if len(rows) < ROWS_AT_ONCE:
                return found

    async def resolve_deletion(self, code: str, people: Sequence[Row], *, complete: bool) -> None:
        """Says who the person of a request is on our pages."""
        told = {"p_code": code, "p_people": list(people), "p_complete": complete}
        await self._call("resolve_deletion", **told)

    async def finish_deletions(self) -> int:
        """Deletes whom it is known to delete; returns how many contacts went."""
        return int((await self._call("finish_deletions"))["gone"])

    async def beat(
        self,
        version: str,
        doing: str,
        held: Sequence[int],
        turns: Row | None = None,
        *,
        stopping: bool = False,
    ) -> int:
        """Says that this worker lives, and renews the leases of `held`, which it is working on.

        A contact whose claim was answered into a broken connection is not in hand, so it expires.
        """
        answer = await self._call(
            "beat",
            p_worker=self.worker,
            p_version=version,
            p_doing=doing,
            p_held=list(held),
            p_lease_seconds=self.lease_seconds,
            p_stopping=stopping,
            p_turns=turns or {},
        )
        if "now" in answer:
            self.clock.hear(datetime.fromisoformat(answer["now"]))
        return int(answer["held"])

    async def _claim(self, stage: Stage, limit: int, in_hand: Row | None = None) -> list[Row]:
        return await self._call_for_rows(
            "claim_contacts",
            p_stage=stage,
            p_worker=self.worker,
            p_limit=limit,
            p_lease_seconds=self.lease_seconds,
            p_in_hand=in_hand,
        )

    async def _call(self, function: str, **arguments: Any) -> Any:
        return (await self._client.rpc(function, arguments).execute()).data

    async def _call_for_rows(self, function: str, **arguments: Any) -> list[Row]:
        answer = await self._call(function, **arguments)
        if not isinstance(answer, list) or not all(
            isinstance(row, dict) and "state_id" in row for row in answer
        ):
            raise UnreadableAnswerError(function)
        return answer
