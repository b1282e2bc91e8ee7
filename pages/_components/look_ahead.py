"""This file is where the form's right side is drawn: the live count, and the test message."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components.dry_run import by_importance, headline
from pages._components.words import count, duration, reason

Row = dict[str, Any]
NAMES = 6


def now_count(found: Row, *, saved: bool) -> list[Component]:
    """412 of 1,930 contacts would get a message now, why not the others, and the first names."""
    if not found["contacts"]:
        hint = "Import contacts first, then come back."
        return [html.P(headline(found), className="big-line"), html.P(hint, className="mute")]
    others = [row for row in by_importance(found["reasons"]) if row["reason_code"] != "ok"]
    if_on = "" if found["enabled"] else "If it were on. " if saved else "Once it is saved and on. "
    return [
        html.P(headline(found), className="big-line"),
        html.P(f"{if_on}Nothing is sent by looking.", className="mute"),
        html.Div([_line(reason(row["reason_code"]), row["contacts"]) for row in others]),
        *_names([row for row in found["people"] if row["reason_code"] == "ok"], found),
    ]


def _line(text: str, number: int) -> Component:
    return html.Div(
        [html.Span(text, className="line-name"), html.Span(f"{number:,}", className="line-value")],
        className="line",
    )


def _names(people: list[Row], found: Row) -> list[Component]:
    if not people:
        return []
    listed = people[:NAMES]
    more = found["would_send"] - len(listed)
    items = [html.Li(contact_name(row), dir="auto") for row in listed]
    if more > 0:
        items.append(html.Li(f"and {count(more, 'other')}", className="mute"))
    return [html.H3("They would get one"), html.Ul(items, className="name-list")]


def contact_name(row: Row) -> str:
    """The name, or the id where there is none."""
    return str(row["name"]) or f"Contact {row['sender_id']}"


def write_to(people: list[Row]) -> list[Row]:
    """The choices for a test message; who asked not to be written to cannot be chosen."""
    return [
        {"value": row["contact_id"], "label": contact_name(row), "disabled": False}
        if not row["opted_out"]
        else {
            "value": row["contact_id"],
            "label": f"{contact_name(row)} · asked not to be written to",
            "disabled": True,
        }
        for row in people
    ]


def writing() -> list[Component]:
    """While a worker is at it."""
    return [html.P("Google AI is writing…", className="mute"), html.Div(className="bone")]


def test_result(row: Row) -> list[Component]:
    """What was written, marked as a test; or why there is nothing."""
    if row["error_message"] or not row["message"]:
        return problem(row["error_message"] or "There is no message.", row["error_hint"] or "")
    tokens = (row["tokens_in"] or 0) + (row["tokens_out"] or 0)
    facts = [str(row["ai_model"]), duration((row["generation_time_ms"] or 0) / 1000)]
    facts.append(count(tokens, "token"))
    return [
        html.Div("Test · not sent", className="pill warn test-mark"),
        html.P(row["message"], className="contact-message", dir="auto"),
        html.P(" · ".join(facts), className="mute test-facts"),
    ]


def problem(message: str, hint: str = "") -> list[Component]:
    """Why there is no test message."""
    return [html.Div([html.Strong(message), html.Span(hint)], className="notice bad", role="alert")]
