"""This file is where the live monitor of one automation is served."""

import asyncio
import time
from collections import OrderedDict
from typing import Any

import dash
from dash import (
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    no_update,
    set_props,
)
from dash.development.base_component import Component

from pages import _asking, _many
from pages._actions import press
from pages._components.ask import Ask, whole
from pages._components.board import board
from pages._components.delta import Drawn, Sent
from pages._components.errors import or_problem, pressed, toast
from pages._components.missing import missing_automation
from pages._components.monitor_frame import TICK_MS, frame, unreachable
from pages._components.timeline import GONE, timeline
from pages._components.words import epoch
from pipeline.feed import Feed, FeedError, signed_in
from pipeline.readings import forget, moment
from pipeline.shared import Shared

dash.register_page(  # type: ignore[no-untyped-call]
    __name__, path_template="/automations/<rule_id>/monitor", title="Monitor · Stagelight"
)
# The callbacks of the dialogs belong to this page and to the list; importing registers them.
ASKING = _asking.inquire
SENT = Sent()
DRAWN: OrderedDict[tuple[str, ...], tuple[Any, Any, Drawn]] = OrderedDict()
DRAWN_MOST = 200
OTHERS: Shared[dict[str, Any]] = Shared(kept_seconds=3600)
# Everybody who looks at one view asks again when its moment is this old, and gets the same next.
CADENCE_SECONDS = TICK_MS / 1000
# Who has just come back, or changed the filter, does not get to see more than this of the past.
FRESH_SECONDS = 0.8
OTHERS_SECONDS = 60.0
SECONDS_PER_VIEWER = 0.002
MOST_SPREAD_SECONDS = 0.4


async def layout(rule_id: str = "", stage: str = "", q: str = "", **_: str) -> Component:
    """The frame with its first data, so that nothing flashes empty."""
    ask = Ask.of({"rule_id": rule_id, "stage": stage, "search": q}) or Ask(rule_id)
    try:
        answer, open_bulks = await asyncio.gather(look(ask), signed_in.get().open_bulks(rule_id))
    except FeedError as error:
        return unreachable(error)
    if "gone" in answer:
        return missing_automation()
    return frame(ask, answer, _many.many(open_bulks))


async def look(ask: Ask) -> dict[str, Any]:
    """One moment as what the browser lacks; {"gone": true} for a rule that is not yours."""
    feed = signed_in.get()
    max_age = FRESH_SECONDS if ask.now else CADENCE_SECONDS - 0.05
    snapshot, age, takers = await moment(feed, ask.rule_id, max_age, ask.view[1:])
    if snapshot is None:
        return {"gone": True, "seq": ask.seq}
    drawn, now = draw(feed, ask, snapshot), epoch(snapshot["now"]) or 0.0
    return {
        **SENT.answer(drawn, ask.rev),
        "seq": ask.seq,
        "now": round(now + age, 1),
        "age": round(age, 2),
        "wait": round(max(0.0, CADENCE_SECONDS - age) + spread(takers), 2),
    }


def spread(takers: int) -> float:
    """The first to come again makes the next moment; many do not all come at once."""
    return min(takers * SECONDS_PER_VIEWER, MOST_SPREAD_SECONDS) if takers > 1 else 0.0


def draw(feed: Feed, ask: Ask, snapshot: dict[str, Any]) -> Drawn:
    """A reading is drawn once, however many viewers take it."""
    others = OTHERS.at_hand(
        (feed.person, ask.rule_id), OTHERS_SECONDS, lambda: count_others(feed, ask.rule_id)
    )
    key = (feed.person, *map(str, ask.view))
    known = DRAWN.get(key)
    if known is None or known[0] is not snapshot or known[1] is not others:
        known = (snapshot, others, Drawn.of(*board({**snapshot, "others": others})))
        DRAWN[key] = known
        while len(DRAWN) > DRAWN_MOST:
            DRAWN.popitem(last=False)
    return known[2]


async def count_others(feed: Feed, rule_id: str) -> dict[str, Any]:
    """Over all contacts of the page, with the moment: it stays on the screen for a while."""
    began = round(time.time())
    return {**await feed.dry_run(rule_id), "at": began}


clientside_callback(
    ClientsideFunction("live", "gate"),
    Output("live-request", "data"),
    Input("live-tick", "n_intervals"),
    Input("live-now", "data"),
)
clientside_callback(
    ClientsideFunction("live", "apply"),
    Output("live-mark", "children"),
    Input("live-answer", "data"),
)
clientside_callback(ClientsideFunction("sheets", "told"), Input("timeline-answer", "data"))
clientside_callback(ClientsideFunction("sheets", "answered"), Input("press-answer", "data"))


@callback(Output("live-answer", "data"), Input("live-request", "data"), prevent_initial_call=True)
async def poll(request: Any) -> Any:
    """Every two seconds: what has changed since the revision the browser has."""
    ask = Ask.of(request)
    if ask is None:
        return no_update
    return {"seq": ask.seq, **await or_problem(look(ask))}


@callback(
    Output("live-now", "data"),
    Input("live-action", "data"),
    State("live-rule", "data"),
    prevent_initial_call=True,
)
async def act(action: Any, rule_id: Any) -> Any:
    """A button was pressed; what changed is fetched at once."""
    if not isinstance(action, dict) or not isinstance(rule_id, str):
        return no_update
    answer = await or_problem(do(action, rule_id))
    forget(signed_in.get().person, rule_id)
    set_props("press-answer", {"data": {**answer, "at": whole(action.get("at"))}})
    return time.time()


async def do(action: dict[str, Any], rule_id: str) -> dict[str, Any]:
    """What went wrong is shown where the button was: in an open sheet, else as a toast."""
    with pressed("This page shows it once the database answers"):
        toast(*await press(signed_in.get(), action, rule_id))
    return {}


@callback(
    Output("live-now", "data", allow_duplicate=True),
    Input("ask-done", "data"),
    State("live-rule", "data"),
    prevent_initial_call=True,
)
async def ran(_: Any, rule_id: Any) -> Any:
    """A run was asked for in the dialog; who was queued is fetched at once."""
    forget(signed_in.get().person, str(rule_id))
    return time.time()


@callback(
    Output("timeline-answer", "data"), Input("timeline-ask", "data"), prevent_initial_call=True
)
async def tell(wish: Any) -> Any:
    """What happened to one contact."""
    if not isinstance(wish, dict):
        return no_update
    state_id = whole(wish.get("id"))
    try:
        told = await signed_in.get().timeline(state_id)
    except FeedError as error:
        if error.signed_out:
            raise
        return {"id": state_id, "problem": [error.message, error.hint]}
    return timeline(told) if told else {"id": state_id, "problem": GONE}
