"""This file is where the monitor's frame is drawn once; assets/*.js fills it every two seconds."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from pages._components.ask import Ask
from pages._components.attributes import attrs
from pages._components.dialogs import asking
from pipeline.feed import FeedError

TICK_MS = 2000

STORES = (
    *("live-request", "live-now", "live-action", "press-answer", "timeline-ask", "timeline-answer"),
)


def frame(ask: Ask, answer: dict[str, Any], many: Sequence[Component] = ()) -> Component:
    """Few Dash components on purpose: each costs browser time at every tick.

    Stage cards and panels are made by the script, which has their first numbers when it does.
    """
    return html.Div(
        [
            dcc.Store(id="live-rule", data=ask.rule_id),
            dcc.Store(id="live-answer", data=answer),
            *[dcc.Store(id=name) for name in STORES],
            dcc.Interval(id="live-tick", interval=TICK_MS),
            html.Div(id="live-mark", hidden=True),
            *many,
            _header(answer["head"]["name"]),
            html.Div(id="alerts"),
            html.Div(
                id="stages",
                className="stages",
                role="group",
                **attrs({"aria-label": "Stages; choose one to see only its contacts"}),
            ),
            html.P([html.Span(id="sum-line"), html.Span(id="sum-note")], className="sum-line"),
            html.Div([_list(ask.search), html.Aside(id="side")], className="monitor-grid"),
            html.Div(id="announce", className="visually-hidden", role="status"),
            html.Div(id="sheets"),
            *asking(),
        ],
        id="monitor",
        **attrs({"data-rule-id": ask.rule_id, "data-stage-filter": ask.stage}),
    )


def _header(name: str) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    html.Div(
                        dcc.Link("Automations", href="/", className="crumb"), className="crumbs"
                    ),
                    html.H1(name, id="monitor-title", dir="auto"),
                    _pills(),
                ],
                className="monitor-what",
            ),
            html.Div(
                [
                    html.Button(
                        "?",
                        id="help-open",
                        className="btn btn-soft",
                        type="button",
                        title="Keyboard shortcuts",
                        **attrs({"aria-label": "Keyboard shortcuts"}),
                    ),
                    _button("Switch off", "toggle-rule", "off", "btn btn-soft"),
                    _button("🧪 Dry run", "dry-run", "dry", "btn btn-soft"),
                    _button("▶ Run now", "run-now", "run", "btn btn-primary"),
                    dcc.Link("✕", href="/", className="btn btn-soft", id="close", title="Close"),
                ],
                className="monitor-actions",
            ),
        ],
        className="monitor-head",
    )


def _pills() -> Component:
    word = html.Span("Connecting", id="live-word")
    live = html.Span(
        [html.Span(className="dot"), word],
        id="live-indicator",
        className="pill",
        **attrs({"data-state": "connecting"}),
    )
    return html.Div(
        [
            live,
            html.Span("", id="worker-pill", className="pill"),
            html.Span("", id="next-run-pill", className="pill"),
            html.Span("", id="page-pill", className="pill", dir="auto"),
        ],
        className="pills",
    )


def _button(text: str, name: str, act: str, classes: str) -> Component:
    return html.Button(text, id=name, className=classes, type="button", **attrs({"data-act": act}))


def _list(search: str) -> Component:
    return html.Section(
        [
            _toolbar(search),
            html.Div(
                html.Button("", id="show-new", className="btn btn-primary btn-sm", type="button"),
                id="new-rows",
                className="new-rows",
                hidden=True,
            ),
            html.Div(id="contacts", className="contacts"),
            html.Div(id="nobody", className="empty", hidden=True),
            _plain("", "show-more"),
            html.Div([html.Span("", id="showing"), _paging()], className="list-foot"),
        ],
        **attrs({"aria-label": "Contacts"}),
    )


def _toolbar(search: str) -> Component:
    words = "Search contacts"
    return html.Div(
        [
            html.Label(words, htmlFor="contact-search", className="visually-hidden"),
            dcc.Input(
                id="contact-search",
                type="search",
                value=search,
                placeholder="Search name, message, error…",
                autoComplete="off",
                maxLength=200,
                className="form-control",
            ),
            _plain("Clear filter", "clear-stage"),
            _plain("Retry all…", "retry-all", "Queue again what failed or was stopped"),
            _plain("Cancel all…", "cancel-all", "Stop what is on its way"),
        ],
        className="toolbar",
    )


def _plain(text: str, name: str, title: str = "") -> Component:
    return html.Button(
        text, id=name, className="btn btn-soft", type="button", title=title, hidden=True
    )


def _paging() -> Component:
    classes = "btn btn-soft btn-sm"
    back = html.Button("← Back", id="page-back", className=classes, type="button")
    onward = html.Button("Next →", id="page-on", className=classes, type="button")
    return html.Span([back, onward], id="paging", className="paging", hidden=True)


COMES_BACK = "This page opens by itself as soon as it does."


def unreachable(error: FeedError) -> Component:
    """Instead of a page, when its first data could not be had; assets/88-unreachable.js retries."""
    hint = COMES_BACK if error.away else error.hint
    return html.Section(
        [
            html.H1(error.message),
            html.P(hint or "Try again in a moment.", className="mute"),
            html.A("Try again", href="", className="btn btn-primary"),
        ],
        className="missing",
        id="unreachable",
        **attrs({"data-away": "true" if error.away else "false"}),
    )
