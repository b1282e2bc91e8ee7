"""This file is where it is told that an automation was changed by somebody else meanwhile."""

from typing import Any

from dash import html
from dash.development.base_component import Component

Values = dict[str, Any]
WORDS = {
    "name": "Name",
    "include_tags": "Tags",
    "include_mode": "Any or all tags",
    "exclude_tags": "Excluded tags",
    "wait_minutes": "Wait (minutes)",
    "max_follow_ups": "Follow-ups",
    "daily_limit": "Messages a day",
    "active_days": "Days",
    "active_from": "From",
    "active_until": "Until",
    "time_zone": "Time zone",
    "run_24_7": "Around the clock",
    "prompt": "Prompt",
    "language": "Language",
    "model": "Model",
    "review_before_send": "Approval",
    "stop_on_reply": "Stop on reply",
    "run_every_minutes": "Look every (minutes)",
    "run_at": "Look at",
}
LONGEST = 60


def differences(before: Values, after: Values) -> list[tuple[str, str, str]]:
    """Which settings differ: the word, what it was, what it is."""
    return [
        (word, _told(before.get(name)), _told(after.get(name)))
        for name, word in WORDS.items()
        if before.get(name) != after.get(name)
    ]


def changed_meanwhile(before: Values, after: Values) -> Component:
    """Nothing was saved; what the other one changed; two ways on."""
    lines = [
        html.Li([f"{word}: {old} → ", html.Strong(new, dir="auto")])
        for word, old, new in differences(before, after)
    ]
    text = "Nothing of yours is lost. Save again to put yours in its place, or load theirs."
    return html.Div(
        [
            html.Div(
                [
                    html.Strong("Somebody changed this automation meanwhile; yours is not saved"),
                    html.Ul(lines),
                    html.Div(text),
                ],
                className="notice-text",
            ),
            html.A("Load theirs", href="", className="btn btn-soft btn-sm", id="load-theirs"),
        ],
        className="notice warn",
        id="conflict",
    )


def not_saved(title: str, text: str) -> Component:
    """It could not be saved; everything typed is still there."""
    return html.Div([html.Strong(title), html.Span(text)], className="notice bad", id="not-saved")


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value if value not in ("", None) else "empty")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
