"""This file is where a look ahead is drawn: who would get a message, who would not, and why."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.moments import when
from pages._components.words import count, reason

Row = dict[str, Any]
PER_PAGE = 25


def dry_run(found: Row, chosen: str, offset: int) -> list[Component]:
    """The answer of `preview_rule`: numbers, reasons to filter by, names page by page."""
    return [
        *([] if found["enabled"] else [_it_is_off()]),
        html.P([html.Strong(headline(found)), " Nothing was sent."], className="dry-sum"),
        html.Div(
            [_reason(row, chosen) for row in by_importance(found["reasons"])],
            className="dry-reasons",
            role="group",
            **attrs({"aria-label": "Reasons; choose one to see only its people"}),
        ),
        html.Ul([_person(row) for row in found["people"]], className="dry-people"),
        _foot(found, offset),
    ]


def by_importance(reasons: list[Row]) -> list[Row]:
    """Those who would get a message first, then the largest groups."""
    return sorted(reasons, key=lambda row: (row["reason_code"] != "ok", -row["contacts"]))


def headline(found: Row) -> str:
    """412 of 1,930 contacts would get a message now."""
    if not found["contacts"]:
        return "This page has no contacts yet."
    return (
        f"{found['would_send']:,} of {count(found['contacts'], 'contact')} would get a message now."
    )


def _it_is_off() -> Component:
    text = "This automation is off, so nobody gets a message. If it were on:"
    return html.Div(text, className="notice", role="note")


def _reason(row: Row, chosen: str) -> Component:
    code = str(row["reason_code"])
    text = "Would get a message" if code == "ok" else reason(code)
    return html.Button(
        [html.Span(text), html.Strong(f"{row['contacts']:,}")],
        className="dry-reason ok" if code == "ok" else "dry-reason",
        type="button",
        **attrs({"data-dry-reason": code, "aria-pressed": "true" if code == chosen else "false"}),
    )


def _person(row: Row) -> Component:
    ok = row["reason_code"] == "ok"
    why: list[Any] = ["Would get a message" if ok else reason(row["reason_code"])]
    if row["next_check_at"]:
        why += [", next check ", when(row["next_check_at"])]
    name = str(row["name"]) or f"Contact {row['sender_id']}"
    return html.Li(
        [html.Span(name, dir="auto", className="dry-name"), html.Span(why, className="mute")],
        className="ok" if ok else "",
    )


def _foot(found: Row, offset: int) -> Component:
    matching, shown = found["matching"], len(found["people"])
    if not matching:
        return html.P("No contact fits this filter.", className="empty")
    back, onward = max(0, offset - PER_PAGE), offset + PER_PAGE
    return html.Div(
        [
            html.Span(f"{offset + 1:,}\u2013{offset + shown:,} of {matching:,}"),
            html.Span(
                [
                    _turn("← Back", back, off=offset == 0),
                    _turn("Next →", onward, off=onward >= matching),
                ],
                className="paging",
                hidden=matching <= PER_PAGE,
            ),
        ],
        className="list-foot",
    )


def _turn(word: str, offset: int, *, off: bool) -> Component:
    return html.Button(
        word,
        className="btn btn-soft btn-sm",
        type="button",
        disabled=off,
        **attrs({"data-dry-offset": str(offset)}),
    )
