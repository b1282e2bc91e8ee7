"""This file is where figures over time are served: what was sent, how fast, at what cost."""

from datetime import UTC, datetime
from typing import Any

import dash
from dash import (
    ClientsideFunction,
    Input,
    Output,
    callback,
    clientside_callback,
    dcc,
    html,
    no_update,
)
from dash.development.base_component import Component

from pages._components.analytics_filter import (
    analytics_filter,
    chosen_of,
    misread,
    range_of,
)
from pages._components.analytics_view import analytics
from pages._components.figures import Figures
from pages._components.lazy_assets import versioned
from pages._components.monitor_frame import unreachable
from pages._components.span import cut
from pipeline.feed import FeedError, signed_in
from pipeline.readings import figures

dash.register_page(__name__, path="/analytics", title="Analytics · Stagelight")  # type: ignore[no-untyped-call]
PLOTLY = "vendor/plotly/plotly-basic-4.1.1.min.js"
# The longer the span, the dearer, and the less a minute changes it.
KEPT_SECONDS = {"24h": 30.0, "7d": 30.0, "30d": 60.0, "90d": 120.0}
SCRIPT, STYLE = "lazy/analytics.js", "lazy/analytics.css"


async def layout(rules: str = "", **given: str) -> Component:
    """The frame; what is in it waits for the browser to say which zone its reader is in."""
    try:
        known = await signed_in.get().rule_names()
    except FeedError as error:
        return unreachable(error)
    span = range_of(given.get("range"))
    return html.Div(
        [
            html.Link(rel="stylesheet", href=versioned(STYLE)),
            dcc.Store(id="analytics-scripts", data=[versioned(SCRIPT), versioned(PLOTLY)]),
            dcc.Store(id="analytics-ask"),
            dcc.Store(id="analytics-drawings"),
            html.Div(id="analytics-mark", hidden=True),
            html.Div(id="analytics-drawn", hidden=True),
            html.Div(
                [
                    html.H1("Analytics", tabIndex="-1"),
                    html.P("", id="analytics-when", className="mute"),
                ]
            ),
            analytics_filter(known, chosen_of(rules), span),
            html.Div(
                "", id="analytics-problem", className="notice warn", role="status", hidden=True
            ),
            html.Div(html.P("Adding up …", className="mute"), id="analytics-body"),
        ],
        id="analytics-page",
    )


clientside_callback(
    ClientsideFunction("lazy", "load"),
    Output("analytics-mark", "children"),
    Input("analytics-scripts", "data"),
)
clientside_callback(
    ClientsideFunction("lazy", "draw"),
    Output("analytics-drawn", "children"),
    Input("analytics-drawings", "data"),
)


@callback(
    Output("analytics-body", "children"),
    Output("analytics-drawings", "data"),
    Input("analytics-ask", "data"),
    prevent_initial_call=True,
)
async def show(wish: Any) -> Any:
    """Another range, other automations, or half a minute later."""
    asked = wish if isinstance(wish, dict) else {}
    at = asked.get("at")
    try:
        span = cut(range_of(asked.get("range")), str(asked.get("zone")), datetime.now(UTC))
    except ValueError:
        span = cut(range_of(asked.get("range")), "UTC", datetime.now(UTC))
    feed = signed_in.get()
    try:
        names = {rule["id"]: str(rule["name"]) for rule in await feed.rule_names()}
        chosen = [each for each in chosen_of(asked.get("rules")) if each in names]
        found = await figures(feed, chosen, span, KEPT_SECONDS[span.range])
    except FeedError as error:
        if error.signed_out:
            raise
        return no_update, {"at": at, "problem": [error.message, error.hint]}
    told = Figures(found, span)
    body, drawings = analytics(told, names, chosen)
    until = told.until.timestamp() if told.until else 0
    return [*misread(asked, names), *body], {
        "at": at,
        "charts": drawings,
        "zone": span.zone,
        "until": until,
    }
