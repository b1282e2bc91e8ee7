"""This file is where the frame of the Facebook pages is drawn; cards and form come by script."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.rule_list import more

TICK_MS = 3000


def page_list(answer: dict[str, Any]) -> Component:
    """Header, cards, what to do when there is none, and a place for what opens over it."""
    return html.Div(
        [
            dcc.Interval(id="pages-tick", interval=TICK_MS),
            *[dcc.Store(id=f"pages-{name}") for name in ("request", "now", "action")],
            dcc.Store(id="pages-answer", data=answer),
            html.Div(id="pages-mark", hidden=True),
            html.Div(
                [html.H1("Pages", tabIndex="-1"), _connect("pages-connect")], className="list-head"
            ),
            html.Div(id="pages-problem", className="notice warn", role="status", hidden=True),
            html.Div(id="pages-alerts"),
            _find(),
            html.P("", id="pages-none", className="mute", role="status", hidden=True),
            html.Div(id="pages", className="rules"),
            more("pages-more"),
            _nothing_yet(),
            html.P("", id="pages-zone", className="mute zone-line"),
            html.Div(id="sheets"),
        ],
        id="pages-page",
    )


def _find() -> Component:
    """For whoever has many pages; the script shows it then."""
    search = "Name or Facebook id…"
    return html.Div(
        [
            html.Label("Search pages", htmlFor="pages-search", className="visually-hidden"),
            dbc.Input(
                id="pages-search",
                type="search",
                placeholder=search,
                autocomplete="off",
                maxlength=200,
            ),
            html.Label("Which pages", htmlFor="pages-which", className="visually-hidden"),
            dbc.Select(
                id="pages-which",
                value="all",
                options=[
                    {"value": "all", "label": "All pages"},
                    {"value": "trouble", "label": "Only those in trouble"},
                ],
            ),
        ],
        className="list-tools",
        id="pages-tools",
        role="search",
        hidden=True,
    )


def _connect(name: str) -> Component:
    return html.Button("+ Connect a page", id=name, className="btn btn-primary", type="button")


def _nothing_yet() -> Component:
    return html.Section(
        [
            html.H2("No page yet"),
            html.P("Connect a Facebook page, and Stagelight reads who wrote to it."),
            html.Ol(
                [
                    html.Li("Make a token with the permissions pages_messaging, "
                            "pages_manage_metadata and pages_read_engagement."),
                    html.Li("Paste it here. It is checked with Facebook, then kept encrypted."),
                    html.Li("Contacts come in by themselves; automations can begin."),
                ]
            ),
            html.P(
                "In the sandbox paste sandbox-user-token: it belongs to a made-up person with "
                "four pages.",
                className="only-sandbox",
            ),
            html.Div(_connect("pages-connect-first"), className="empty-actions"),
        ],
        className="panel empty-panel",
        id="pages-empty",
        hidden=True,
    )  # fmt: skip
