"""This file is where codes, numbers and times become words a person reads."""

from collections.abc import Sequence
from datetime import datetime

# The database's reasons (public.reason_text) as short lines for a list.
REASONS = {
    "rule_disabled": "The automation is switched off",
    "page_disconnected": "The page was disconnected",
    "page_paused": "The page is paused",
    "page_unavailable": "The page cannot send right now",
    "opted_out": "Asked not to be written to",
    "stopped": "Stopped by a person",
    "cancelled": "Cancelled by a person",
    "rejected": "Message rejected in review",
    "excluded_tag": "Has an excluded tag",
    "missing_tag": "Lacks the automation's tags",
    "replied": "Replied",
    "max_follow_ups_reached": "Got every follow-up",
    "waiting": "Too soon after the last message",
    "window_closed": "24-hour window closed",
    "outside_active_hours": "Outside active hours",
    "daily_limit_reached": "Daily limit reached",
    "already_sent": "This follow-up was already sent",
    "ok": "Passed every check",
}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def reason(code: str | None) -> str:
    """Why a contact is held back; an unknown code is shown as it is, never hidden."""
    if not code:
        return "No reason given"
    return REASONS.get(code, code.replace("_", " ").capitalize())


def duration(seconds: float) -> str:
    """0.4 s, 12 s, 2 min 10 s, 3 h 12 min, 2 d 4 h: two units at most. Never negative."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + " s"
    whole = round(seconds)
    for size, unit, smaller, small_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole} s"


def count(number: int, one: str, many: str = "") -> str:
    """1 contact, 1,930 contacts."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def days(active_days: Sequence[int]) -> str:
    """Mon-Fri, every day, Mon, Wed, Sat-Sun; ISO numbers, Monday is 1."""
    chosen = sorted({day for day in active_days if 1 <= day <= 7})
    if len(chosen) == 7:
        return "every day"
    if not chosen:
        return "no day"
    runs: list[list[int]] = []
    for day in chosen:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(_span(run) for run in runs)


def hours(rule: dict[str, object]) -> str:
    """When a rule may send: 09:00-20:00, Mon-Fri, Europe/Berlin; or around the clock."""
    if rule["run_24_7"]:
        return "Around the clock"
    start, end = str(rule["active_from"])[:5], str(rule["active_until"])[:5]
    active = rule["active_days"]
    when = days(active) if isinstance(active, list) else "every day"
    return f"{start} to {end}, {when}"


def tags(rule: dict[str, object]) -> str:
    """Whom a rule is for, as one line."""
    wanted, unwanted = _texts(rule["include_tags"]), _texts(rule["exclude_tags"])
    glue = " and " if rule.get("include_mode") == "all" else " or "
    line = f"Contacts tagged {glue.join(wanted)}" if wanted else "Every contact"
    return line + (f", not {', '.join(unwanted)}" if unwanted else "")


def run_result(answer: dict[str, int]) -> str:
    """What "Run now" did."""
    queued = answer.get("queued", 0)
    parts = [f"{count(queued, 'contact')} queued" if queued else "Nobody to queue right now"]
    in_flight = answer.get("already_in_flight", 0)
    if in_flight:
        parts.append(f"{in_flight:,} already in flight")
    others = answer.get("not_queued", 0)
    if others:
        parts.append(f"{others:,} not now: a dry run shows why")
    return " · ".join(parts)


def epoch(moment: str | None) -> float | None:
    """An ISO moment as seconds since 1970, for the browser's own clock and zone."""
    return datetime.fromisoformat(moment).timestamp() if moment else None


def _span(run: list[int]) -> str:
    names = [DAYS[day - 1] for day in run]
    return names[0] if len(run) == 1 else f"{names[0]}\u2013{names[-1]}"


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
