"""This file is where a misspelt name is answered with the nearest one that exists."""

from collections.abc import Iterable

# PostgreSQL's names are no longer; a caller's may be.
LONGEST = 64


def nearest(name: str, names: Iterable[str], least: float) -> str | None:
    """The name that needs the fewest letters changed, if at least this share of them is right."""
    best, found = least, None
    for other in names:
        score = _likeness(name[:LONGEST], other[:LONGEST], best)
        if score > best or (score == best and found is None):
            best, found = score, other
    return found


def _likeness(one: str, other: str, least: float) -> float:
    """The share of letters that are right; 0 as soon as it must be below `least`."""
    longest = max(len(one), len(other), 1)
    most = (1 - least) * longest
    if abs(len(one) - len(other)) > most:
        return 0.0
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, against in enumerate(other):
            changed = before[column] + (letter != against)
            now.append(min(before[column + 1] + 1, now[column] + 1, changed))
        if min(now) > most:
            return 0.0
        before = now
    return 1 - before[-1] / longest
