"""This file is where the worker speaks to the database: claim, decide, record, beat."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from supabase import AsyncClient

from pipeline.model import Advance, Fail, Job, Outcome, Retry, Said
from pipeline.stages import Stage

# Where a contact waits for its next try, by the stage in which the try failed.
WAITS_IN = {Stage.GENERATING: Stage.ELIGIBLE, Stage.SENDING: Stage.READY_TO_SEND}
# Facebook may still deliver after a call was given up; only then is the thread worth reading.
SETTLE_AFTER_SECONDS = 15.0
# PostgreSQL stores neither; one such character would make a row fail for ever.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Row = dict[str, Any]


class Store:
    """The worker's calls. Each may raise `postgrest.APIError` or `httpx.HTTPError`."""

    def __init__(self, client: AsyncClient, worker: str, lease_seconds: int = 30) -> None:
        self._client = client
        self.worker = worker
        self.lease_seconds = lease_seconds

    async def claim(self, stage: Stage, limit: int) -> list[Job]:
        """Up to `limit` due contacts of `stage`, each with a lease of its own."""
        rows = await self._call(
            "claim_contacts",
            p_stage=stage,
            p_worker=self.worker,
            p_limit=limit,
            p_lease_seconds=self.lease_seconds,
        )
        return [job_of(row) for row in rows]

    async def decide(self, jobs: Sequence[Job]) -> list[Row]:
        """Applies the eligibility rules to claimed contacts; one row per job."""
        claims = [{"state_id": job.state_id, "lease_token": job.lease_token} for job in jobs]
        return list(await self._call("decide_contacts", p_claims=claims))

    async def record(self, rows: Sequence[Row]) -> list[Row]:
        """Writes outcomes down, those of lost leases excepted; one row per outcome says which."""
        return list(await self._call("record_outcomes", p_outcomes=list(rows)))

    async def enqueue_due(self) -> Row:
        """Queues what the schedule says is due."""
        return dict(await self._call("enqueue_due_contacts"))

    async def reclaim(self) -> int:
        """Takes contacts back from workers that stopped answering."""
        return int((await self._call("reclaim_expired_leases"))["reclaimed"])

    async def complete(self) -> int:
        """Ends sequences that are over."""
        return int(await self._call("complete_finished_sequences"))

    async def beat(
        self, version: str, doing: str, held: Sequence[int], *, stopping: bool = False
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
        )
        return int(answer["held"])

    async def _call(self, function: str, **arguments: Any) -> Any:
        return (await self._client.rpc(function, arguments).execute()).data


def job_of(row: Row) -> Job:
    """A row of `claim_contacts` as a job."""
    moments = ("window_closes_at", "attempt_started_at")
    texts = ("message", "attempt_id", "encrypted_token")
    history = tuple(
        Said(said["by"], said["text"], datetime.fromisoformat(said["at"]))
        for said in row["history"]
    )
    return Job(
        **{
            **row,
            **{name: row[name] and datetime.fromisoformat(row[name]) for name in moments},
            **{name: row[name] or "" for name in texts},
            "stage": Stage(row["stage"]),
            "history": history,
        }
    )


def row_of(job: Job, outcome: Outcome) -> Row:
    """An outcome as an element of `record_outcomes`."""
    held = {"state_id": job.state_id, "lease_token": job.lease_token, "from_stage": job.stage}
    return {**held, **_cleaned(_result(job, outcome))}


def _result(job: Job, outcome: Outcome) -> Row:
    match outcome:
        case Advance(to, fields):
            return {
                "to_stage": to,
                "status_message": _success(to, job),
                "attempt_outcome": "sent" if to is Stage.SENT else None,
                **fields,
            }
        case Retry():
            return {
                "to_stage": WAITS_IN[job.stage],
                "status_message": f"Trying again: {outcome.message}",
                "error_code": outcome.code,
                "error_message": outcome.message,
                "after_seconds": outcome.after_seconds,
                "pause_page_seconds": outcome.pause_page_seconds,
                "attempt_outcome": "retry",
            }
        case Fail():
            # While nobody knows, the contact stays in sending; it is never put back to be sent.
            return {
                "to_stage": Stage.SENDING if outcome.unknown else Stage.FAILED,
                "status_message": outcome.message,
                "error_code": outcome.code,
                "error_message": outcome.message,
                "error_hint": outcome.hint,
                "page_status": outcome.page_status or None,
                "after_seconds": SETTLE_AFTER_SECONDS if outcome.unknown else 0,
                "attempt_outcome": "unknown" if may_be_out(outcome) else "failed",
            }
        case _:
            assert_never(outcome)


def may_be_out(outcome: Fail) -> bool:
    """Whether the message may have reached the contact although the try failed."""
    return outcome.unknown or outcome.code in ("outcome_unknown", "unexpected", "duplicate")


def _success(to: Stage, job: Job) -> str:
    if to is Stage.READY_TO_SEND:
        return "Waiting for review" if job.review_before_send else "Message written"
    return "Accepted by Facebook"


def _cleaned(row: Row) -> Row:
    return {
        name: UNSTORABLE.sub("", value) if isinstance(value, str) else value
        for name, value in row.items()
    }
