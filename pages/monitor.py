"""This file is where the live monitor of one automation is served."""

import time
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, no_update
from dash.development.base_component import Component

from pages._components.ask import Ask, whole
from pages._components.board import board
from pages._components.delta import Sent
from pages._components.errors import toast
from pages._components.missing import missing_automation
from pages._components.monitor_frame import frame, unreachable
from pages._components.words import count, epoch, run_result
from pipeline.feed import FeedError, signed_in

dash.register_page(  # type: ignore[no-untyped-call]
    __name__, path_template="/automations/<rule_id>/monitor", title="Monitor · Stagelight"
)
SENT = Sent()
PER_PAGE = 100


async def layout(rule_id: str = "", stage: str = "", q: str = "", **_: str) -> Component:
    """The frame with its first data, so that nothing flashes empty."""
    ask = Ask.of({"rule_id": rule_id, "stage": stage, "search": q}) or Ask(rule_id)
    try:
        answer = await look(ask)
    except FeedError as error:
        return unreachable(error.message, error.hint)
    if "gone" in answer:
        return missing_automation()
    return frame(rule_id, ask.stage, ask.search, answer)


async def look(ask: Ask) -> dict[str, Any]:
    """One snapshot as what the browser lacks; {"gone": true} for a rule that is not yours."""
    snapshot = await signed_in.get().snapshot(
        ask.rule_id, ask.stage, ask.search, PER_PAGE, ask.offset
    )
    if snapshot is None:
        return {"gone": True, "seq": ask.seq}
    answer = SENT.answer(*board(snapshot), ask.rev)
    return {**answer, "seq": ask.seq, "now": round(epoch(snapshot["now"]) or 0, 1)}


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


@callback(Output("live-answer", "data"), Input("live-request", "data"), prevent_initial_call=True)
async def poll(request: Any) -> Any:
    """Every two seconds: what has changed since the revision the browser has."""
    ask = Ask.of(request)
    if ask is None:
        return no_update
    try:
        return await look(ask)
    except FeedError as error:
        if error.signed_out:
            raise
        return {"seq": ask.seq, "problem": [error.message, error.hint]}


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
    try:
        toast(*await done(str(action.get("act")), _chosen(action.get("ids")), rule_id))
    except FeedError as error:
        toast(error.message, error.hint, bad=True)
    return time.time()


async def done(act: str, state_ids: list[int], rule_id: str) -> tuple[str, str]:
    """Does it; returns what happened, in words."""
    feed = signed_in.get()
    if act == "run":
        return run_result(await feed.request_run(rule_id)), ""
    if act in ("on", "off"):
        await feed.set_rule_enabled(rule_id, act == "on")
        return ("Switched on" if act == "on" else "Switched off"), ""
    if act == "retry":
        changed = (await feed.retry_contacts(state_ids))["changed"]
        return (f"{count(changed, 'contact')} queued again" if changed else TOO_LATE), ""
    if act == "cancel":
        changed = (await feed.cancel_contacts(state_ids))["changed"]
        return (f"{count(changed, 'contact')} cancelled" if changed else TOO_LATE), ""
    raise FeedError("This button is not known here.", "Reload the page.")


TOO_LATE = "It had already moved on; nothing was changed"


def _chosen(value: Any) -> list[int]:
    # At most what one page of the list shows.
    return [whole(item) for item in value[:PER_PAGE]] if isinstance(value, list) else []
