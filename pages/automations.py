"""This file is where the list of automations is served: every rule at a glance."""

import time
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, callback, clientside_callback, dcc, html
from dash import no_update as unchanged
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.errors import toast
from pages._components.monitor_frame import unreachable
from pages._components.rule_card import numbers, rule_card
from pages._components.words import run_result
from pipeline.feed import FeedError, signed_in

dash.register_page(__name__, path="/", title="AI Automations · Stagelight")  # type: ignore[no-untyped-call]
TICK_MS = 5000
TOTALS = (
    ("active", "Automations on"),
    ("in_flight", "In flight"),
    ("sent_today", "Sent today"),
    ("failed", "Failed, last 24 h"),
)


async def layout(**_: str) -> Component:
    """Totals, then a card per rule."""
    try:
        rules = await signed_in.get().automations()
    except FeedError as error:
        return unreachable(error.message, error.hint)
    return html.Div(
        [
            dcc.Interval(id="rules-tick", interval=TICK_MS),
            dcc.Store(id="rules-request"),
            dcc.Store(id="rules-answer", data={rule["id"]: numbers(rule) for rule in rules}),
            dcc.Store(id="rules-now"),
            dcc.Store(id="rules-action"),
            html.Div(id="rules-mark", hidden=True),
            html.H1("AI Automations"),
            html.Div([_total(*total) for total in TOTALS], className="totals", id="totals"),
            html.Div([rule_card(rule) for rule in rules], className="rules")
            if rules
            else _nothing_yet(),
        ],
        id="automations",
    )


def _total(field: str, word: str) -> Component:
    return html.Div(
        [html.Span(word), html.Strong("0", **attrs({"data-total": field}))], className="panel total"
    )


def _nothing_yet() -> Component:
    return html.Section(
        [
            html.H2("No automation yet"),
            html.P(
                "An automation writes to contacts of a Facebook page: whom (by tags), when (hours, "
                "limits) and what (a prompt). Contacts come from a CSV file or from Messenger."
            ),
            dcc.Link("Import contacts", href="/contacts", className="btn btn-primary"),
        ],
        className="panel empty-panel",
    )


clientside_callback(
    ClientsideFunction("rules", "gate"),
    Output("rules-request", "data"),
    Input("rules-tick", "n_intervals"),
    Input("rules-now", "data"),
)
clientside_callback(
    ClientsideFunction("rules", "apply"),
    Output("rules-mark", "children"),
    Input("rules-answer", "data"),
)


@callback(Output("rules-answer", "data"), Input("rules-request", "data"), prevent_initial_call=True)
async def poll(request: Any) -> Any:
    """The numbers of every rule; the script changes only what differs."""
    if request is None:
        return unchanged
    try:
        return {rule["id"]: numbers(rule) for rule in await signed_in.get().automations()}
    except FeedError as error:
        if error.signed_out:
            raise
        return {"problem": error.message}


@callback(Output("rules-now", "data"), Input("rules-action", "data"), prevent_initial_call=True)
async def act(action: Any) -> Any:
    """Run now, switch on or off."""
    if not isinstance(action, dict) or not isinstance(action.get("rule_id"), str):
        return unchanged
    feed, rule_id = signed_in.get(), action["rule_id"]
    try:
        if action.get("act") == "run":
            toast(run_result(await feed.request_run(rule_id)))
        elif action.get("act") in ("on", "off"):
            await feed.set_rule_enabled(rule_id, action["act"] == "on")
            toast("Switched on" if action["act"] == "on" else "Switched off")
    except FeedError as error:
        toast(error.message, error.hint, bad=True)
    return time.time()
