"""This file is where a misspelt name is answered with the nearest one, chosen as PostgREST does."""

from collections import Counter
from collections.abc import Iterable
from math import sqrt

# What PostgREST's FuzzySet takes by itself: a third of the letters, and the best by their groups.
LEAST, CANDIDATES = 0.33, 50
GROUPS = (3, 2)


def nearest(name: str, names: Iterable[str], *, exact: bool = True) -> str | None:
    """The likest of `names`; without `exact` none for a name that is one of them."""
    known: dict[str, str] = {}
    for other in reversed(list(names)):
        known.setdefault(other.lower(), other)
    wanted = name.lower()
    if wanted in known:
        return known[wanted] if exact else None
    for size in GROUPS:
        sharing = _sharing(wanted, known, size)
        scores = [(_likeness(wanted, other), other) for other in sharing[:CANDIDATES]]
        near = [scored for scored in scores if scored[0] >= LEAST]
        if near:
            return known[max(near, key=lambda scored: scored[0])[1]]
    return None


def _sharing(name: str, others: Iterable[str], size: int) -> list[str]:
    """Those with a group of `size` letters in common, the ones with the most of them first."""
    wanted = _groups(name, size)
    scores: list[tuple[float, str]] = []
    for other in others:
        groups = _groups(other, size)
        shared = sum(count * groups[group] for group, count in wanted.items())
        if shared:
            scores.append((shared / _length(groups), other))
    return [other for _, other in sorted(scores, key=lambda scored: -scored[0])]


def _groups(name: str, size: int) -> Counter[str]:
    letters = (one for one in name if one.isalnum() or one.isspace() or one == ",")
    text = f"-{''.join(letters)}-"
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))


def _length(groups: Counter[str]) -> float:
    return sqrt(sum(count * count for count in groups.values()))


def _likeness(one: str, other: str) -> float:
    """The share of letters that are right; 0 as soon as it must be below LEAST."""
    longest = max(len(one), len(other), 1)
    most = (1 - LEAST) * longest
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
