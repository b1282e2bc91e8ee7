"""This file is where it is decided what a reader must know first: cause, and what to do."""

from typing import Any

from pages._components.words import count, epoch
from pipeline.stages import Stage

Row = dict[str, Any]
PAGE_PROBLEMS = {
    "token_invalid": (
        "Facebook refuses the page's access",
        "Reconnect “{page}”; waiting contacts then go on by themselves.",
    ),
    "restricted": (
        "Facebook has restricted the page",
        "Open the page's support inbox on Facebook; “{page}” sends again once it is lifted.",
    ),
}


def alerts(snapshot: Row) -> list[Row]:
    """What failed or stands still, worst first. `tone` is bad, warn or info; `show` is a stage."""
    found = [worker_away(snapshot), page_problem(snapshot), failures(snapshot), off(snapshot)]
    return [alert for alert in found if alert]


def worker_away(snapshot: Row) -> Row | None:
    """Nothing moves without a worker."""
    if snapshot["workers"]["alive"]:
        return None
    return {
        "tone": "bad",
        "title": "No worker is running",
        "text": "Contacts wait where they are. Nothing is lost; it goes on when a worker is back.",
        "since": epoch(snapshot["workers"]["last_beat_at"]),
    }


def page_problem(snapshot: Row) -> Row | None:
    """The page is refused, restricted, or rests after a rate limit."""
    rule = snapshot["rule"]
    problem = PAGE_PROBLEMS.get(rule["page_status"])
    if problem:
        return {
            "tone": "bad",
            "title": problem[0],
            "text": problem[1].format(page=rule["page_name"]),
        }
    until, now = epoch(rule.get("paused_until")), epoch(snapshot["now"]) or 0
    if until and until > now:
        return {
            "tone": "warn",
            "title": "Facebook asked us to slow down",
            "text": f"“{rule['page_name']}” sends again by itself",
            "until": until,
        }
    return None


def failures(snapshot: Row) -> Row | None:
    """How many failed, and why, where the listed ones agree."""
    stages = {row["stage"]: row["contacts"] for row in snapshot["stages"]}
    failed = stages.get(Stage.FAILED, 0)
    if not failed:
        return None
    rows = [row for row in snapshot["contacts"] if row["stage"] == Stage.FAILED]
    causes = {row["error_message"]: row["error_hint"] for row in rows}
    title = f"{failed:,} failed"
    if len(causes) == 1 and len(rows) == failed:
        cause, hint = next(iter(causes.items()))
        text = " ".join(part for part in (cause, hint) if part)
        title += ", one cause" if failed > 1 else ""
    else:
        many = count(len(causes), "cause") if len(rows) == failed else "Several causes"
        text = f"{many}. Each card says what happened and what to do."
    alert = {"tone": "bad", "title": title, "text": text, "show": Stage.FAILED.value}
    # Only what the reader has seen all of can be retried with one press.
    return {**alert, "retry": [row["state_id"] for row in rows]} if len(rows) == failed else alert


def off(snapshot: Row) -> Row | None:
    """A rule that is switched off starts nothing."""
    if snapshot["rule"]["enabled"]:
        return None
    return {
        "tone": "info",
        "title": "Switched off",
        "text": "No run starts, and contacts in flight stop at their next step.",
    }
