"""This file is where it is judged how a stage gets on: clears in a while, stands, is slow."""

from pipeline.stages import IN_FLIGHT, Stage

# A pause that a person would not notice is not called a stand-still.
UNNOTICED_SECONDS = 60.0
TOO_FEW_PASSES_TO_JUDGE = 5
MUCH = 2.0
# Here contacts wait for a moment that was chosen, or for a person; waiting long says nothing.
WAITS_BY_PLAN = frozenset({Stage.READY_TO_SEND})


def pace(
    stage: Stage,
    contacts: int,
    oldest: float | None,
    p95: float | None,
    flow: tuple[float, float],
    passes: int = TOO_FEW_PASSES_TO_JUDGE,
) -> list[str | int]:
    """["clears", seconds], ["stalled"], ["slow"] or []; `flow` is in and out per minute.

    Stalled: nobody left although somebody waits longer than is usual here. Slow: the oldest waits
    twice as long as 95 of 100 did in the last hour.
    """
    entering, leaving = flow
    if stage not in IN_FLIGHT or stage in WAITS_BY_PLAN or not contacts:
        return []
    waits = oldest or 0.0
    usual = p95 if p95 is not None and passes >= TOO_FEW_PASSES_TO_JUDGE else None
    if not leaving:
        return ["stalled"] if waits > max(UNNOTICED_SECONDS, MUCH * (usual or 0.0)) else []
    if usual is not None and waits > max(MUCH * usual, 5.0):
        return ["slow"]
    if entering > leaving:
        return ["grows"]
    return ["clears", _rough(60 * contacts / leaving)]


def _rough(seconds: float) -> int:
    """Few digits, because it is an estimate: 7 s, 20 s, 3 min."""
    for step, until in ((1, 10), (10, 120), (60, 7200)):
        if seconds < until:
            return max(step, round(seconds / step) * step)
    return round(seconds / 3600) * 3600
