"""This file is where one automation is drawn as a card, and its numbers are named."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.words import count, duration, epoch, hours, tags

Row = dict[str, Any]
NUMBERS = (
    ("in_flight", "In flight"),
    ("sent", "Sent"),
    ("skipped", "Skipped"),
    ("failed", "Failed"),
    ("completed", "Completed"),
)


def rule_card(rule: Row) -> Component:
    """Name, page, switch, whom and when, the last 24 hours, and what can be done."""
    settings = [html.Li(text, dir="auto") for text in facts(rule)]
    return html.Article(
        [
            _top(rule),
            html.Ul(settings, className="rule-facts", **attrs({"aria-label": "Settings"})),
            html.Div(
                [_number(field, word) for field, word in NUMBERS],
                className="rule-numbers",
                role="group",
                **attrs({"aria-label": "Contacts of the last 24 hours"}),
            ),
            _today(),
            _actions(rule),
        ],
        className="panel rule",
        **attrs({"data-rule-id": rule["id"]}),
    )


def address(rule_id: str) -> str:
    """Where the monitor of a rule is."""
    return f"/automations/{rule_id}/monitor"


def facts(rule: Row) -> list[str]:
    """What the rule is set to, in words."""
    wait = duration(rule["wait_minutes"] * 60)
    zone = "" if rule["run_24_7"] else f", contact's own time (else {rule['time_zone']})"
    return [
        tags(rule),
        f"{hours(rule)}{zone}",
        f"{wait} after the last message" if rule["wait_minutes"] else "No wait",
        f"{count(rule['max_follow_ups'], 'follow-up')} at most",
    ]


def numbers(rule: Row) -> Row:
    """What changes by itself on a card; assets/70-automations.js puts it there."""
    shown = {field: rule.get(field, 0) for field, _ in NUMBERS}
    return {
        **shown,
        "enabled": rule["enabled"],
        "sent_today": rule.get("sent_today", 0),
        "daily_limit": rule["daily_limit"],
        "last_run": epoch(rule.get("last_run_at")),
        "next_run": epoch(rule.get("next_run_at")),
    }


def _top(rule: Row) -> Component:
    name = str(rule["name"])
    title = html.H2(dcc.Link(name, href=address(rule["id"])), dir="auto")
    page = html.Span(rule["page_name"], className="mute", dir="auto")
    what = html.Div([title, page], className="rule-what")
    return html.Div([what, _switch(rule["enabled"], name)], className="rule-top")


def _today() -> Component:
    meter = html.Div(html.I(**attrs({"data-field": "meter"})), className="meter")
    sent = html.Div([html.Span("", **attrs({"data-field": "sent_today"})), meter])
    times = html.Div("", className="rule-times mute", **attrs({"data-field": "times"}))
    return html.Div([sent, times], className="rule-today")


def _actions(rule: Row) -> Component:
    name = str(rule["name"])
    monitor: list[str | Component] = [
        "📊 Monitor",
        html.Span(f" {name}", className="visually-hidden"),
    ]
    return html.Div(
        [
            dcc.Link(monitor, href=address(rule["id"]), className="btn btn-soft"),
            html.Button(
                "▶ Run now",
                className="btn btn-primary",
                type="button",
                **attrs({"data-act": "run", "aria-label": f"Run now: {name}"}),
            ),
        ],
        className="rule-actions",
    )


def _switch(enabled: bool, name: str) -> Component:
    return html.Button(
        [html.Span(className="switch-knob"), html.Span("On" if enabled else "Off")],
        className="switch",
        type="button",
        role="switch",
        **attrs(
            {
                "aria-checked": "true" if enabled else "false",
                "aria-label": name,
                "data-act": "off" if enabled else "on",
            }
        ),
    )


def _number(field: str, word: str) -> Component:
    return html.Div(
        [html.Strong("0", **attrs({"data-field": field})), html.Span(word)],
        className=f"number {field}",
    )
