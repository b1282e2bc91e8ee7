"""This file is where a receiver counts, and shows its counts to Prometheus."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

METRICS = {
    "stagelight_webhook_events_total": ("counter", "Events accepted from Facebook, by kind."),
    "stagelight_webhook_unused_total": (
        "counter",
        "Items of a kind that is not used, or malformed beside good ones; not kept.",
    ),
    "stagelight_webhook_rejected_total": ("counter", "Calls that were not accepted, by why."),
    "stagelight_webhook_stored_total": (
        "counter",
        "Events that reached the database: new, or known because Facebook told them before.",
    ),
    "stagelight_webhook_worked_total": ("counter", "Events worked on, or gone wrong."),
    "stagelight_webhook_spool_bytes": ("gauge", "What waits on disk for the database."),
    "stagelight_webhook_waiting": ("gauge", "Events in the database that are not worked on yet."),
    "stagelight_webhook_lag_seconds": ("gauge", "How long the oldest of them has waited."),
    "stagelight_webhook_database_up": ("gauge", "1 when the database answered last."),
}


@dataclass
class Tally:
    """What one receiver process has seen since it started."""

    accepted: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    known: int = 0
    refused: int = 0
    worked: int = 0
    failed: int = 0
    waiting: int = 0
    lag_seconds: float = 0.0
    database_up: bool = False
    heard_at: datetime | None = None

    def accept(self, events: list[dict[str, Any]], unused: Counter[str], malformed: int) -> None:
        """One call of Facebook's that was accepted."""
        self.accepted.update(event["kind"] for event in events)
        # The names come from outside: after fifty of them the others are one.
        for name, count in unused.items():
            known = name in self.unused or len(self.unused) < 50
            self.unused[name if known else "other"] += count
        if malformed:
            self.unused["malformed"] += malformed
        self.heard_at = datetime.now(UTC)

    def learn(self, beat: dict[str, Any]) -> None:
        """What the database says of itself."""
        self.database_up = True
        self.waiting = int(beat.get("waiting") or 0)
        self.lag_seconds = float(beat.get("lag_seconds") or 0.0)

    def lines(self, spool_bytes: int) -> Iterator[str]:
        """Prometheus' text format."""
        values: dict[str, dict[str, float]] = {
            "stagelight_webhook_events_total": _by("kind", self.accepted),
            "stagelight_webhook_unused_total": _by("kind", self.unused),
            "stagelight_webhook_rejected_total": _by("reason", self.rejected),
            "stagelight_webhook_stored_total": _by(
                "state", {"new": self.stored, "known": self.known, "refused": self.refused}
            ),
            "stagelight_webhook_worked_total": _by(
                "state", {"done": self.worked, "failed": self.failed}
            ),
            "stagelight_webhook_spool_bytes": {"": spool_bytes},
            "stagelight_webhook_waiting": {"": self.waiting},
            "stagelight_webhook_lag_seconds": {"": self.lag_seconds},
            "stagelight_webhook_database_up": {"": int(self.database_up)},
        }
        for name, (kind, meaning) in METRICS.items():
            yield f"# HELP {name} {meaning}"
            yield f"# TYPE {name} {kind}"
            for label, value in values[name].items():
                yield f"{name}{label} {value}"


def _by(label: str, counts: dict[str, int]) -> dict[str, float]:
    return {f'{{{label}="{name}"}}': float(count) for name, count in sorted(counts.items())}
