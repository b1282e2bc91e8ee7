"""This file is where the live monitor of one automation is served."""

import time
from dataclasses import dataclass
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, no_update
from dash.development.base_component import Component

from pages._components.board import board
from pages._components.delta import Sent
from pages._components.errors import toast
from pages._components.missing import missing_automation
from pages._components.monitor_frame import frame, unreachable
from pages._components.words import count, run_result
from pipeline.feed import FeedError, signed_in
from pipeline.stages import Stage

dash.register_page(  # type: ignore[no-untyped-call]
    __name__, path_template="/automations/<rule_id>/monitor", title="Monitor · Stagelight"
)
SENT = Sent()
PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """What a browser asks for; everything in it is the browser's claim, RLS decides."""

    rule_id: str
    stage: str = ""
    search: str = ""
    offset: int = 0
    rev: str = ""
    seq: int = 0

    @classmethod
    def of(cls, data: Any) -> "Ask | None":
        """The request, or None when it is not one."""
        if not isinstance(data, dict) or not isinstance(data.get("rule_id"), str):
            return None
        stage = data.get("stage")
        return cls(
            data["rule_id"],
            stage if stage in list(Stage) else "",
            str(data.get("search") or "")[:200].replace("\x00", ""),
            _whole(data.get("offset")),
            str(data.get("rev") or ""),
            _whole(data.get("seq")),
        )


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
    return {**answer, "seq": ask.seq, "now": round(time.time(), 1)}


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
        toast(*await done(str(action.get("act")), _whole(action.get("id")), rule_id))
    except FeedError as error:
        toast(error.message, error.hint, bad=True)
    return time.time()


async def done(act: str, state_id: int, rule_id: str) -> tuple[str, str]:
    """Does it; returns what happened, in words."""
    feed = signed_in.get()
    if act == "run":
        return run_result(await feed.request_run(rule_id)), ""
    if act in ("on", "off"):
        await feed.set_rule_enabled(rule_id, act == "on")
        return ("Switched on" if act == "on" else "Switched off"), ""
    if act == "retry":
        changed = (await feed.retry_contacts([state_id]))["changed"]
        return (f"{count(changed, 'contact')} queued again" if changed else TOO_LATE), ""
    if act == "cancel":
        changed = (await feed.cancel_contacts([state_id]))["changed"]
        return (f"{count(changed, 'contact')} cancelled" if changed else TOO_LATE), ""
    raise FeedError("This button is not known here.", "Reload the page.")


TOO_LATE = "It had already moved on; nothing was changed"


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0
