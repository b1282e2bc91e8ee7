"""This file is where a misspelt name is answered with the nearest one that exists."""

from collections.abc import Iterable

# PostgreSQL's names are no longer; a caller's may be.
LONGEST = 64


def nearest(name: str, names: Iterable[str], least: float) -> str | None:
    """The name that needs the fewest letters changed, if at least this share of them is right."""
    scored = [(_likeness(name[:LONGEST], other[:LONGEST]), other) for other in names]
    score, found = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
    return found if score >= least and found else None


def _likeness(one: str, other: str) -> float:
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, against in enumerate(other):
            changed = before[column] + (letter != against)
            now.append(min(before[column + 1] + 1, now[column] + 1, changed))
        before = now
    return 1 - before[-1] / max(len(one), len(other), 1)
