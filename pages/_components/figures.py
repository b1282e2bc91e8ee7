"""This file is where figures are added up: totals, what they were before, and bins."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pages._components.span import Span

Row = dict[str, Any]
BEFORE, FIRST = 1, 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How long it took, of so many: the half and the 95th of a hundred, in seconds."""

    passed: int
    p50: float
    p95: float


class Figures:
    """What the database told of a span, by kind, key and number."""

    def __init__(self, found: Row, span: Span) -> None:
        self.span = span
        self._bins = range(FIRST, FIRST + len(span.names))
        self._flow = [
            (row["kind"], row["key"], row["number"], {int(b): n for b, n in row["bins"].items()})
            for row in found["flow"]
        ]
        self._paces = {
            (row["kind"], row["key"], row["bin"]): Pace(row["passed"], row["p50"], row["p95"])
            for row in found["paces"]
        }
        self.sums: list[Row] = found["sums"]
        known = found.get("until") or {}
        # Everything up to then is counted, nothing that came later is.
        self.until = _moment(known.get("until"))
        self.asked_at = _moment(known.get("now"))

    def series(self, kind: str, key: str = "", number: int = -1) -> list[int]:
        """Bin after bin; without a key that of all keys."""
        rows = list(self._of(kind, key, number))
        return [sum(row.get(place, 0) for row in rows) for place in self._bins]

    def total(self, kind: str, key: str = "", number: int = -1) -> int:
        """Of the whole span."""
        return sum(self.series(kind, key, number))

    def before(self, kind: str, key: str = "", number: int = -1) -> int:
        """Of the span before, up to the same hour."""
        return sum(row.get(BEFORE, 0) for row in self._of(kind, key, number))

    def keys(self, kind: str) -> list[str]:
        """The keys that occur in the span, the largest first."""
        totals: dict[str, int] = defaultdict(int)
        for of_kind, key, _, bins in self._flow:
            if of_kind == kind:
                totals[key] += sum(n for place, n in bins.items() if place >= FIRST)
        return sorted((key for key in totals if totals[key]), key=lambda key: -totals[key])

    def pace(self, kind: str, key: str) -> Pace | None:
        """Over the whole span."""
        return self._paces.get((kind, key, 0))

    def paces(self, kind: str, key: str) -> list[Pace | None]:
        """Bin after bin; in a long span several have one."""
        together = self.span.paced_together
        return [
            self._paces.get((kind, key, place // together + 1))
            for place in range(len(self.span.names))
        ]

    def paced(self, kind: str) -> list[str]:
        """The keys of which there is a pace, the one of most first."""
        found = {key: pace.passed for (of, key, place), pace in self._paces.items()
                 if of == kind and place == 0}  # fmt: skip
        return sorted(found, key=lambda key: -found[key])

    def is_empty(self) -> bool:
        """Whether nothing happened in the span at all."""
        return not any(self.series(kind) and self.total(kind) for kind in ("entered", "sent"))

    def begins_with(self) -> int:
        """The first bin in which something happened."""
        moved = self.series("entered")
        return next((place for place, many in enumerate(moved) if many), 0)

    def _of(self, kind: str, key: str, number: int) -> Sequence[dict[int, int]]:
        return [
            bins
            for of_kind, of_key, of_number, bins in self._flow
            if of_kind == kind and (not key or of_key == key) and number in (-1, of_number)
        ]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel."""

    word: str
    contacts: int
    # Of them those that came this far before the span began.
    earlier: int = 0


def funnel(figures: Figures) -> list[Step]:
    """From the queue to the reply. Tries that were made again count once.

    Who was sent something in the span was queued, if not in the span then before it, so each step
    is at least as many as the next; `earlier` says how many of them the span did not see.

    What left generating became ready, failed or went back to eligible to be tried later; what
    became ready was written, or came back from sending to be tried later.
    """

    def entered(stage: str) -> int:
        return figures.total("entered", stage)

    def left(stage: str) -> int:
        return figures.total("left", stage)

    retried, unwritten = figures.total("retried"), figures.total("failed", number=0)
    back = max(left("generating") - entered("ready_to_send") + retried - unwritten, 0)
    seen = {
        "Queued": entered("queued"),
        "Checked": left("checking"),
        "Eligible": max(entered("eligible") - back, 0),
        "Written": max(entered("ready_to_send") - retried, 0),
        "Sent": figures.total("sent"),
        "Replied": figures.total("replied"),
    }
    steps: list[Step] = []
    most = 0
    for word, many in reversed(seen.items()):
        most = max(most, many)
        steps.insert(0, Step(word, most, most - many))
    return steps


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
