"""This file is where an automation becomes what its card shows, as data for the script."""

from typing import Any

from pages._components.alerts import about_page, about_quota
from pages._components.words import count, duration, epoch, hours, tags

Row = dict[str, Any]
NUMBERS = ("in_flight", "sent", "skipped", "failed", "completed")


def address(rule_id: str) -> str:
    """Where the settings of a rule are."""
    return f"/automations/{rule_id}"


def rule_card(rule: Row, now: float = 0.0) -> Row:
    """Everything on the card of one rule: name, page, switch, whom and when, numbers, times."""
    return {
        "id": rule["id"],
        "name": str(rule["name"]),
        "page": str(rule["page_name"]),
        "problems": problems(rule, now),
        "facts": facts(rule),
        "enabled": bool(rule["enabled"]),
        **{field: rule.get(field) or 0 for field in NUMBERS},
        "sent_today": rule.get("sent_today") or 0,
        "to_review": rule.get("to_review") or 0,
        "daily_limit": rule["daily_limit"],
        "last_run": epoch(rule.get("last_run_at")),
        "next_run": epoch(rule.get("next_run_at")),
    }


def facts(rule: Row) -> list[str]:
    """What the rule is set to, in words."""
    wait = duration(rule["wait_minutes"] * 60)
    zone = "" if rule["run_24_7"] else f", contact's own time (else {rule['time_zone']})"
    lines = [
        tags(rule),
        f"{hours(rule)}{zone}",
        f"{wait} after the last message" if rule["wait_minutes"] else "No wait",
        f"{count(rule['max_follow_ups'], 'follow-up')} at most",
    ]
    if rule.get("review_before_send"):
        lines.append("Each message waits for your approval")
    if rule.get("stop_on_reply") is False:
        lines.append("Goes on after a reply")
    return lines


def problems(rule: Row, now: float) -> list[Row]:
    """Why nothing is sent or written for it now, as on its monitor."""
    found = (about_page(rule, now), about_quota(rule.get("ai_quota_until"), now))
    return [problem for problem in found if problem]
