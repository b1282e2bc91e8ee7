"""This file is where claimed contacts are verified; the rules are SQL (decision 0003)."""

from collections.abc import Sequence

from pipeline.model import Job, Unreadable
from pipeline.store import Store


async def check(jobs: Sequence[Job | Unreadable], store: Store) -> dict[str, int]:
    """Moves each job to eligible or skipped; returns how many by reason.

    The database knows the contact, so one whose row is unreadable here is decided like the others.
    """
    counts: dict[str, int] = {}
    for row in await store.decide(jobs):
        reason = (row["reason_code"] or "ok") if row["decided"] else "lease_lost"
        counts[reason] = counts.get(reason, 0) + 1
    return counts
