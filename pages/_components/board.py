"""This file is where a snapshot of the database becomes what the monitor's script draws."""

from typing import Any

from pages._components.alerts import alerts
from pages._components.words import epoch, reason
from pipeline.stages import FINISHED, IN_FLIGHT, LOOKS, Stage

Row = dict[str, Any]
CANCELLABLE = frozenset(IN_FLIGHT) - {Stage.SENDING}
RETRYABLE = frozenset({Stage.FAILED, Stage.SKIPPED})


def board(snapshot: Row) -> tuple[Row, list[Row]]:
    """The sections and the contact cards, in the order they are shown.

    Times are seconds since 1970: the browser counts from them, so they do not change by themselves.
    """
    now = epoch(snapshot["now"]) or 0.0
    sections = {
        "head": head(snapshot),
        "alerts": alerts(snapshot),
        "stages": [stage(row, now) for row in snapshot["stages"]],
        "sum": sum_line(snapshot["stages"]),
        "totals": snapshot["totals"],
        "next": [[row["name"], epoch(row["next_send_at"])] for row in snapshot["going_out_next"]],
        "held": [
            [reason(row["reason_code"]), row["contacts"], epoch(row["next_check_at"])]
            for row in snapshot["held_back"]
        ],
        "run": last_run(snapshot["last_run"]),
    }
    return sections, [card(row) for row in snapshot["contacts"]]


def head(snapshot: Row) -> Row:
    """The rule, its limits, and whether a worker is there."""
    rule, workers = snapshot["rule"], snapshot["workers"]
    return {
        "name": rule["name"],
        "enabled": rule["enabled"],
        "page": rule["page_name"],
        "next_run": epoch(rule["next_run_at"]),
        "sent_today": rule["sent_today"],
        "daily_limit": rule["daily_limit"],
        "workers": workers["alive"],
        "beat": None if workers["alive"] else epoch(workers["last_beat_at"]),
    }


def stage(row: Row, now: float) -> Row:
    """One stage card; `avg` is of passes of the last hour, `since` is when the oldest came in."""
    oldest, waiting = row["oldest_seconds"], row["average_seconds"]
    return {
        "n": row["contacts"],
        "avg": row["mean_seconds_last_hour"],
        "mid": round(now - waiting) if row["contacts"] and waiting is not None else None,
        "since": round(now - oldest) if row["contacts"] and oldest is not None else None,
        "in": row["in_per_minute"],
        "out": row["out_per_minute"],
    }


def sum_line(stages: list[Row]) -> str:
    """All contacts as a sum that adds up, because it is made of the cards' own numbers."""
    numbers = {row["stage"]: int(row["contacts"]) for row in stages}
    parts = [(sum(numbers.get(name, 0) for name in IN_FLIGHT), "in flight")]
    parts += [(numbers.get(name, 0), LOOKS[name].word.lower()) for name in FINISHED]
    total = sum(number for number, _ in parts)
    if not total:
        return "No contacts"
    told = " + ".join(f"{number:,} {word}" for number, word in parts if number)
    return f"{total:,} {'contact' if total == 1 else 'contacts'} = {told}"


def last_run(run: Row | None) -> Row | None:
    """The newest run with numbers that add up to its total."""
    if run is None:
        return None
    words = {"schedule": "scheduled", "manual": "started by hand"}
    return {
        "source": words.get(run["source"], run["source"]),
        "at": epoch(run["requested_at"]),
        "until": epoch(run["finished_at"]),
        "rows": [
            ["Queued", run["total"]],
            ["In flight", run["in_flight"]],
            ["Sent", run["sent"]],
            ["Skipped", run["skipped"]],
            ["Failed", run["failed"]],
        ],
    }


def card(row: Row) -> Row:
    """One contact card; empty values are left out, they are bytes."""
    name = Stage(row["stage"])
    written = [
        f"Written in {row['generation_time_ms'] / 1000:.1f} s" if row["generation_time_ms"] else "",
        f"{row['tokens']:,} tokens" if row["tokens"] else "",
    ]
    full = {
        "id": row["state_id"],
        "name": row["name"] or "No name",
        "stage": name.value,
        "since": round(epoch(row["stage_entered_at"]) or 0, 1),
        "status": status(row, name),
        "message": row["message"],
        "error": row["error_message"],
        "code": row["error_code"],
        "hint": row["error_hint"],
        "send_at": epoch(row["next_send_at"]) if name is Stage.READY_TO_SEND else None,
        "check_at": epoch(row["next_check_at"]) if name in FINISHED else None,
        "written": " · ".join(part for part in written if part),
        "follow_up": follow_up(row, name),
        "attempt": row["attempt"] if (row["attempt"] or 0) > 1 else None,
        "can": "cancel" if name in CANCELLABLE else "retry" if name in RETRYABLE else "",
    }
    return {key: value for key, value in full.items() if value not in (None, "")}


def status(row: Row, name: Stage) -> str:
    """One line: the worker's own words where it has some, else what the stage means."""
    if name is Stage.FAILED:
        return ""  # the error says it
    if name in (Stage.SKIPPED, Stage.COMPLETED) and row["reason_code"]:
        return reason(row["reason_code"])
    return row["status"] or LOOKS[name].meaning


def follow_up(row: Row, name: Stage) -> str:
    """Which follow-up this is, or how many went out."""
    sent, most = row["follow_up_count"], row["max_follow_ups"]
    if name in (Stage.SKIPPED, Stage.COMPLETED):
        return f"{sent} of {most} follow-ups sent"
    current = sent if name is Stage.SENT else min(sent + 1, most)
    return f"Follow-up {current}/{most}"
