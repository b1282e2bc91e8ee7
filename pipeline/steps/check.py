"""This file is where claimed contacts are verified; the rules are SQL (decision 0003)."""

from collections.abc import Sequence

from pipeline.model import Fence
from pipeline.store import Store


async def check(claimed: Sequence[Fence], store: Store) -> dict[str, int]:
    """Moves each contact to eligible or skipped; returns how many by reason."""
    counts: dict[str, int] = {}
    for row in await store.decide(claimed):
        reason = (row["reason_code"] or "ok") if row["decided"] else "lease_lost"
        counts[reason] = counts.get(reason, 0) + 1
    return counts
