"""This file is where a benchmark does a worker's work: six recorded moves by the worker's calls."""

import uuid
from typing import Any

from psycopg.types.json import Jsonb

from bench._cluster import Connection

Job = tuple[Any, ...]
BATCH = 100
CALLS = 6
CLAIM = "select * from public.claim_contacts(%s, 'worker-1', %s, 30)"
DECIDE = "select decided from public.decide_contacts(%s)"
RECORD = "select recorded from public.record_outcomes(%s)"
MESSAGE = "Hello, it was lovely to have you here last week. Was the cake as good as you had hoped?"


def take_through(connection: Connection) -> None:
    """Takes BATCH queued contacts to sent; RuntimeError when one of them stays behind."""
    held = claim(connection, "queued", BATCH)
    moved = [decide(connection, held)]
    writing = claim(connection, "eligible", BATCH)
    written = [_result(job, "ready_to_send", generated_message=MESSAGE) for job in writing]
    moved.append(_ask(connection, RECORD, written))
    sending = claim(connection, "ready_to_send", BATCH)
    sent = [
        _result(job, "sent", attempt_outcome="sent", facebook_message_id=str(uuid.uuid4()))
        for job in sending
    ]
    moved.append(_ask(connection, RECORD, sent))
    if any(answers != [True] * BATCH for answers in moved):
        counts = [sum(map(bool, answers)) for answers in moved]
        raise RuntimeError(
            f"Of {BATCH} contacts only {counts} were decided, written to and sent to."
        )


def claim(connection: Connection, stage: str, limit: int) -> list[Job]:
    """What claim_contacts hands out; the first three columns are state, token and stage."""
    return connection.execute(CLAIM, [stage, limit]).fetchall()


def decide(connection: Connection, jobs: list[Job]) -> list[bool]:
    """Lets the rules decide about claimed contacts."""
    return _ask(connection, DECIDE, [_fence(job) for job in jobs])


def _fence(job: Job) -> dict[str, object]:
    return {"state_id": job[0], "lease_token": str(job[1])}


def _result(job: Job, to: str, **said: str) -> dict[str, object]:
    return {**_fence(job), "from_stage": job[2], "to_stage": to, **said}


def _ask(connection: Connection, query: str, rows: list[dict[str, object]]) -> list[bool]:
    return [bool(answer) for (answer,) in connection.execute(query.encode(), [Jsonb(rows)])]
