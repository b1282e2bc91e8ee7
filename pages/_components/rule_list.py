"""This file is where the frame of the list of automations is drawn; the cards come by script."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.dialogs import asking

TICK_MS = 5000
TOTALS = (
    ("active", "Automations on"),
    ("in_flight", "In flight"),
    ("sent_today", "Sent today"),
    ("failed", "Failed, last 24 h"),
)
SORTS = {
    "name": "Trouble first, then by name",
    "failed": "Most failed first",
    "in_flight": "Most in flight first",
    "sent_today": "Most sent today first",
    "last_run": "Last run first",
}


def rule_list(answer: dict[str, Any]) -> Component:
    """Header, totals, cards, and the dialogs that questions are asked in."""
    return html.Div(
        [
            dcc.Interval(id="rules-tick", interval=TICK_MS),
            *[dcc.Store(id=f"rules-{name}") for name in ("request", "now", "action")],
            dcc.Store(id="rules-answer", data=answer),
            html.Div(id="rules-mark", hidden=True),
            _header(),
            html.Div(id="rules-problem", className="notice warn", role="status", hidden=True),
            html.Div(id="rules-alerts"),
            html.Div([_total(*total) for total in TOTALS], className="totals", id="totals"),
            _toolbar(),
            html.Div(id="rules", className="rules"),
            more("rules-more"),
            html.P("", id="rules-none", className="empty", hidden=True),
            nothing_yet(),
            html.P("", id="rules-zone", className="mute zone-line"),
            *asking(),
        ],
        id="automations",
    )


def more(name: str) -> Component:
    """Behind cards that come by the step (assets/64-stepped.js)."""
    return html.Button("", id=name, className="btn btn-soft more", type="button", hidden=True)


def nothing_yet() -> Component:
    """What an automation is, and the two steps to the first one."""
    steps = [
        ("Whom", "Contacts of a Facebook page: who wrote to it, or who came from a CSV file."),
        ("When", "Days, hours, a wait after the last message, a daily limit."),
        ("What", "A prompt: Google AI writes each message from it and the conversation."),
    ]
    return html.Section(
        [
            html.H2("No automation yet"),
            html.P("An automation writes follow-ups to people who wrote to you. It is:"),
            html.Ol([html.Li([html.Strong(name), " ", text]) for name, text in steps]),
            html.P("A new one is off, and a dry run shows whom it would write to before it does."),
            html.Div(
                [
                    dcc.Link("Make the first one", href="/automations/new", className=PRIMARY),
                    dcc.Link("Connect a page", href="/pages", className="btn btn-soft"),
                    dcc.Link("Import contacts", href="/contacts", className="btn btn-soft"),
                ],
                className="empty-actions",
            ),
        ],
        className="panel empty-panel",
        id="rules-empty",
        hidden=True,
    )


PRIMARY = "btn btn-primary"


def _header() -> Component:
    return html.Div(
        [
            html.H1("AI Automations", tabIndex="-1"),
            dcc.Link("+ New automation", href="/automations/new", className=PRIMARY, id="new-rule"),
        ],
        className="list-head",
    )


def _total(field: str, word: str) -> Component:
    inside = [html.Span(word), html.Strong("0", **attrs({"data-total": field}))]
    if field == "failed":  # the script says where to: to the contacts that did
        return html.A(inside, className="panel total", id="total-failed")
    return html.Div(inside, className="panel total")


def _toolbar() -> Component:
    """Shown by the script when there are more automations than one sees at once."""
    return html.Div(
        [
            html.Label("Search automations", htmlFor="rules-search", className="visually-hidden"),
            dbc.Input(
                id="rules-search",
                type="search",
                placeholder="Search name, page, tag…",
                autocomplete="off",
                maxlength=200,
            ),
            html.Label("Order", htmlFor="rules-sort", className="visually-hidden"),
            dbc.Select(
                id="rules-sort",
                value="name",
                options=[{"value": value, "label": label} for value, label in SORTS.items()],
            ),
        ],
        id="rules-tools",
        className="list-tools",
        hidden=True,
    )
