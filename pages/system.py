"""This file is where a person sees whether the machine works, and on how much of what is theirs."""

import asyncio
import time
from typing import Any

import dash
from dash import Input, Output, callback, dcc, html
from dash import no_update as unchanged
from dash.development.base_component import Component

from pages._components.monitor_frame import unreachable
from pages._components.standing import standing
from pages._components.system_view import system_view
from pipeline.feed import FeedError, signed_in

dash.register_page(__name__, path="/system", title="System · Stagelight")  # type: ignore[no-untyped-call]
TICK_MS = 5000


async def layout(**_: str) -> Component:
    """Everything at once; it is told anew every five seconds."""
    try:
        inside = await look()
    except FeedError as error:
        return unreachable(error)
    return html.Div(
        [
            html.H1("System", tabIndex="-1"),
            dcc.Interval(id="system-tick", interval=TICK_MS),
            html.Div("", id="system-problem", className="notice warn", hidden=True),
            html.Div(inside, id="system-view", className="system"),
        ],
        id="system-page",
    )


async def look() -> list[Component]:
    """What is wrong, workers, queues, schedule, installation."""
    feed = signed_in.get()
    health, queues, rules, pages, workers = await asyncio.gather(
        *(feed.system_health(), feed.queues(), feed.automations()),
        *(feed.page_cards(with_counts=False), feed.worker_health()),
    )
    await feed.count_reviews(rules)
    lines = standing(rules, pages, workers, time.time())
    return system_view(health, queues, feed.installation(), lines)


@callback(
    Output("system-view", "children"),
    Output("system-problem", "children"),
    Output("system-problem", "hidden"),
    Input("system-tick", "n_intervals"),
    prevent_initial_call=True,
)
async def tick(_: Any) -> Any:
    """Drawn anew; when the database is away, the last state stays and it is said so."""
    try:
        return await look(), "", True
    except FeedError as error:
        if error.signed_out:
            raise
        return unchanged, f"{error.message} {error.hint}", False
