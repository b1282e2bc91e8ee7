"""This file is where the list of automations is served: every rule at a glance, and its buttons."""

import asyncio
import time
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, callback, clientside_callback
from dash import no_update as unchanged
from dash.development.base_component import Component

from pages import _asking
from pages._components.alerts import worker_away
from pages._components.delta import Drawn
from pages._components.errors import pressed, problems_as_toasts, toast
from pages._components.monitor_frame import unreachable
from pages._components.rule_card import rule_card
from pages._components.rule_list import rule_list
from pipeline.feed import FeedError, signed_in

dash.register_page(__name__, path="/", title="AI Automations · Stagelight")  # type: ignore[no-untyped-call]
# The callbacks of the dialogs belong to this page and to the monitor; importing registers them.
ASKING = _asking.inquire


async def layout(**_: str) -> Component:
    """The frame with its first data, so that nothing flashes empty."""
    try:
        return rule_list(await look(""))
    except FeedError as error:
        return unreachable(error)


async def look(rev: str) -> dict[str, Any]:
    """What concerns all, and every card; nothing when the browser shows exactly these."""
    feed = signed_in.get()
    rules, workers = await asyncio.gather(feed.automations(), feed.worker_health())
    await feed.count_reviews(rules)
    away = worker_away({"workers": workers})
    cards = [rule_card(rule, time.time()) for rule in rules]
    cards.sort(key=lambda card: not (card["problems"] or card["failed"]))
    drawn = Drawn.of({"alerts": [away] if away else []}, cards)
    if rev == drawn.rev:
        return {"rev": rev, "now": time.time()}
    return {
        "rev": drawn.rev,
        **drawn.sections,
        "cards": list(drawn.cards.values()),
        "order": list(drawn.cards),
    }


clientside_callback(
    ClientsideFunction("rules", "gate"),
    Output("rules-request", "data"),
    Input("rules-tick", "n_intervals"),
    Input("rules-now", "data"),
    Input("undone", "data"),
    Input("ask-done", "data"),
)
clientside_callback(
    ClientsideFunction("rules", "apply"),
    Output("rules-mark", "children"),
    Input("rules-answer", "data"),
)


@callback(Output("rules-answer", "data"), Input("rules-request", "data"), prevent_initial_call=True)
async def poll(request: Any) -> Any:
    """Every five seconds: the cards, when one of them differs from what the browser has."""
    if not isinstance(request, dict):
        return unchanged
    try:
        return await look(str(request.get("rev") or ""))
    except FeedError as error:
        if error.signed_out:
            raise
        return {"problem": error.message}


@callback(Output("rules-now", "data"), Input("rules-action", "data"), prevent_initial_call=True)
async def switch(action: Any) -> Any:
    """The switch of a card acts at once; what reaches people asks first (pages/_asking.py)."""
    if not isinstance(action, dict) or not isinstance(action.get("rule_id"), str):
        return unchanged
    if action.get("act") not in ("on", "off"):
        return unchanged
    on = action["act"] == "on"
    with problems_as_toasts(), pressed("Its card shows it once the database answers"):
        await signed_in.get().set_rule_enabled(action["rule_id"], on)
        toast("Switched on" if on else "Switched off")
    return time.time()
