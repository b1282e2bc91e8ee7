"""This file is where the list of automations is served: every rule at a glance, and its buttons."""

import time
from typing import Any

import dash
from dash import (
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    set_props,
)
from dash import no_update as unchanged
from dash.development.base_component import Component

from pages._components.ask import whole
from pages._components.delta import Drawn
from pages._components.dry_run import PER_PAGE, dry_run
from pages._components.errors import toast
from pages._components.monitor_frame import unreachable
from pages._components.questions import Question, about_deleting, about_running
from pages._components.rule_card import rule_card
from pages._components.rule_list import rule_list
from pages._components.words import run_result
from pipeline.feed import FeedError, signed_in

dash.register_page(__name__, path="/", title="AI Automations · Stagelight")  # type: ignore[no-untyped-call]
UNDO_SECONDS = 10


async def layout(**_: str) -> Component:
    """The frame with its first data, so that nothing flashes empty."""
    try:
        return rule_list(await look(""))
    except FeedError as error:
        return unreachable(error.message, error.hint)


async def look(rev: str) -> dict[str, Any]:
    """Every card, or none when the browser shows exactly these."""
    drawn = Drawn.of({}, [rule_card(rule) for rule in await signed_in.get().automations()])
    if rev == drawn.rev:
        return {"rev": rev, "now": time.time()}
    return {"rev": drawn.rev, "cards": list(drawn.cards.values()), "order": list(drawn.cards)}


clientside_callback(
    ClientsideFunction("rules", "gate"),
    Output("rules-request", "data"),
    Input("rules-tick", "n_intervals"),
    Input("rules-now", "data"),
    Input("undone", "data"),
)
clientside_callback(
    ClientsideFunction("rules", "apply"),
    Output("rules-mark", "children"),
    Input("rules-answer", "data"),
)
clientside_callback(
    ClientsideFunction("rules", "close"),
    Output("ask", "is_open"),
    Input("ask-no", "n_clicks"),
    prevent_initial_call=True,
)


clientside_callback(
    ClientsideFunction("rules", "close"),
    Output("dry", "is_open"),
    Input("dry-close", "n_clicks"),
    prevent_initial_call=True,
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
async def act(action: Any) -> Any:
    """A button of a card: the switch acts at once, what reaches people asks first."""
    if not isinstance(action, dict) or not isinstance(action.get("rule_id"), str):
        return unchanged
    feed, rule_id, wanted = signed_in.get(), action["rule_id"], action.get("act")
    try:
        if wanted in ("on", "off"):
            await feed.set_rule_enabled(rule_id, wanted == "on")
            toast("Switched on" if wanted == "on" else "Switched off")
        elif wanted == "run":
            ask(about_running(await feed.run_preview(rule_id)), rule_id)
        elif wanted == "delete":
            ask(about_deleting(await feed.deletion_preview(rule_id)), rule_id)
    except FeedError as error:
        if error.signed_out:
            raise
        toast(error.message, error.hint, bad=True)
    return time.time()


def ask(question: Question, rule_id: str) -> None:
    """Opens the dialog."""
    set_props("ask-title", {"children": question.title})
    set_props("ask-body", {"children": question.body})
    set_props(
        "ask-yes",
        {
            "children": question.yes,
            "className": "btn btn-danger" if question.act == "delete" else "btn btn-primary",
            "hidden": not question.yes,
        },
    )
    set_props("ask-no", {"children": "Cancel" if question.yes else "Close"})
    set_props("asked", {"data": {"act": question.act, "rule_id": rule_id}})
    set_props("ask", {"is_open": True})


@callback(
    Output("rules-now", "data", allow_duplicate=True),
    Input("ask-yes", "n_clicks"),
    State("asked", "data"),
    prevent_initial_call=True,
)
async def confirmed(clicks: Any, asked: Any) -> Any:
    """The person said yes."""
    if not clicks or not isinstance(asked, dict) or not isinstance(asked.get("rule_id"), str):
        return unchanged
    set_props("ask", {"is_open": False})
    try:
        if asked.get("act") == "run":
            toast(run_result(await signed_in.get().request_run(asked["rule_id"])))
        elif asked.get("act") == "delete":
            await delete(asked["rule_id"])
    except FeedError as error:
        if error.signed_out:
            raise
        toast(error.message, error.hint, bad=True)
    return time.time()


async def delete(rule_id: str) -> None:
    """Deletes it, and offers the way back."""
    name = (await signed_in.get().delete_rule(rule_id))["name"]
    undo = {"word": "Undo", "store": "undo", "data": rule_id, "seconds": UNDO_SECONDS}
    toast(f"Deleted “{name}”", action=undo)


@callback(Output("undone", "data"), Input("undo", "data"), prevent_initial_call=True)
async def undo(rule_id: Any) -> Any:
    """Takes a deletion back; works on every page, because the message does."""
    if not isinstance(rule_id, str):
        return unchanged
    try:
        back = await signed_in.get().restore_rule(rule_id)
    except FeedError as error:
        if error.signed_out:
            raise
        toast(error.message, error.hint, bad=True)
        return unchanged
    toast(f"“{back['name']}” is back" + (", and on" if back["enabled"] else ", and off"))
    return time.time()


@callback(
    Output("dry-body", "children"),
    Input("dry-ask", "data"),
    Input("dry-search", "value"),
    prevent_initial_call=True,
)
async def look_ahead(asked: Any, search: Any) -> Any:
    """Who would get a message; `dry-ask` says of which automation, for which reason, from where."""
    if not isinstance(asked, dict) or not isinstance(asked.get("rule_id"), str):
        return unchanged
    searched = dash.ctx.triggered_id == "dry-search"
    chosen, offset = str(asked.get("reason") or ""), 0 if searched else whole(asked.get("offset"))
    text = str(search or "")[:200].replace("\x00", "")
    try:
        found = await signed_in.get().preview_rule(
            {"id": asked["rule_id"]}, chosen, text, PER_PAGE, offset
        )
    except FeedError as error:
        if error.signed_out:
            raise
        return unreachable(error.message, error.hint)
    return dry_run(found, chosen, offset)
