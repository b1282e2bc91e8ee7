"""This file is where a snapshot of the database becomes what the monitor's script draws."""

from typing import Any

from pages._components.alerts import alerts
from pages._components.contact_card import card
from pages._components.pace import pace
from pages._components.words import count, epoch, reason
from pipeline.stages import FINISHED, IN_FLIGHT, LOOKS, Stage

Row = dict[str, Any]


def board(snapshot: Row) -> tuple[Row, list[Row]]:
    """The sections and the contact cards, in the order they are shown.

    Times are seconds since 1970: the browser counts from them, so they do not change by themselves.
    """
    now = epoch(snapshot["now"]) or 0.0
    sections = {
        "head": head(snapshot),
        "alerts": alerts(snapshot),
        "stages": [stage(row, now) | note(row["stage"], snapshot) for row in snapshot["stages"]],
        "sum": sum_line(snapshot["stages"]),
        "totals": snapshot["totals"],
        "next": [[row["name"], epoch(row["next_send_at"])] for row in snapshot["going_out_next"]],
        "held": held(snapshot),
        "run": last_run(snapshot["last_run"]),
    }
    return sections, [card(row, snapshot["rule"], now) for row in snapshot["contacts"]]


def head(snapshot: Row) -> Row:
    """The rule, its limits, and whether a worker is there."""
    rule, workers = snapshot["rule"], snapshot["workers"]
    return {
        "name": rule["name"],
        "enabled": rule["enabled"],
        "page": rule["page_name"],
        "page_status": rule["page_status"],
        "next_run": epoch(rule["next_run_at"]),
        "sent_today": rule["sent_today"],
        "daily_limit": rule["daily_limit"],
        "usage": rule["usage_percent"],
        "rate": rule["sends_per_minute"],
        "quota": epoch(rule.get("ai_quota_until")),
        "workers": workers["alive"],
        "beat": None if workers["alive"] else epoch(workers["last_beat_at"]),
    }


def stage(row: Row, now: float) -> Row:
    """One stage card; `avg` is of passes of the last hour, `since` is when the oldest came in."""
    name, there = Stage(row["stage"]), row["contacts"]
    oldest, waiting, p95 = row["oldest_seconds"], row["average_seconds"], row["p95_seconds"]
    full = {
        "n": there,
        "avg": row["mean_seconds_last_hour"],
        "p95": None if p95 is None else round(p95, 1),
        "mid": round(now - waiting) if there and waiting is not None else None,
        "since": round(now - oldest) if there and oldest is not None else None,
        "in": row["in_per_minute"],
        "out": row["out_per_minute"],
        "pace": pace(name, there, oldest, p95, (row["in_per_minute"], row["out_per_minute"])),
    }
    return {key: value for key, value in full.items() if value not in (None, [])}


def note(name: str, snapshot: Row) -> Row:
    """What a stage card says besides its numbers, where its meaning needs it."""
    if name == Stage.READY_TO_SEND:
        upcoming = snapshot["going_out_next"]
        reviews = snapshot["to_review"]
        next_at = epoch(upcoming[0]["next_send_at"]) if upcoming else None
        return ({"next": next_at} if next_at else {}) | (
            {"note": f"{reviews:,} to review"} if reviews else {}
        )
    if name == Stage.FAILED and snapshot["failures"]:
        return {"note": count(len(snapshot["failures"]), "cause")}
    return {}


def held(snapshot: Row) -> Row:
    """Why the others get nothing: over all contacts of the page, else over those of 24 hours."""
    others = snapshot.get("others")
    known = others["reasons"] if others else snapshot["held_back"]
    rows = [
        [reason(row["reason_code"]), row["contacts"], epoch(row["next_check_at"])]
        for row in known
        if row["reason_code"] != "ok"
    ]
    return {"rows": rows} | (
        {"of": others["contacts"], "ok": others["would_send"], "at": others["at"]} if others else {}
    )


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
            ["Skipped or completed", run["skipped"]],
            ["Failed", run["failed"]],
        ],
    }
