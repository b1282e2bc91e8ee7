"""This file is where an automation's Run now, Dry run and Delete ask first, on every page."""

import time
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, set_props
from dash import no_update as unchanged

from pages._components.ask import text, whole
from pages._components.dry_run import PER_PAGE, dry_run
from pages._components.errors import pressed, problems_as_toasts, toast
from pages._components.monitor_frame import unreachable
from pages._components.questions import Question, about_deleting, about_running
from pages._components.words import run_result
from pipeline.feed import FeedError, signed_in

UNDO_SECONDS = 10

for _dialog, _button in (("ask", "ask-no"), ("dry", "dry-close")):
    clientside_callback(
        ClientsideFunction("dialogs", "close"),
        Output(_dialog, "is_open"),
        Input(_button, "n_clicks"),
        prevent_initial_call=True,
    )


def named(wish: Any) -> str:
    """The id of the automation that a wish is about; empty when it is no wish."""
    return text(wish.get("rule_id")) if isinstance(wish, dict) else ""


@callback(Output("ask-asked", "data"), Input("ask-about", "data"), prevent_initial_call=True)
async def inquire(wish: Any) -> Any:
    """What a press would do, with its number, before it does it."""
    rule_id = named(wish)
    if not rule_id:
        return unchanged
    feed = signed_in.get()
    with problems_as_toasts():
        if wish.get("act") == "run":
            ask(about_running(await feed.run_preview(rule_id)), rule_id)
        elif wish.get("act") == "delete":
            ask(about_deleting(await feed.deletion_preview(rule_id)), rule_id)
    return unchanged


def ask(question: Question, rule_id: str) -> None:
    """Opens the dialog.

    What yes will mean goes with the words: Dash drops the outputs of a call that another one has
    overtaken, but not what it sets beside them.
    """
    set_props("ask-what", {"data": {"act": question.act, "rule_id": rule_id}})
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
    set_props("ask", {"is_open": True})


@callback(
    Output("ask-done", "data"),
    Input("ask-yes", "n_clicks"),
    State("ask-what", "data"),
    prevent_initial_call=True,
)
async def confirmed(clicks: Any, asked: Any) -> Any:
    """The person said yes."""
    rule_id = named(asked)
    if not clicks or not rule_id:
        return unchanged
    set_props("ask", {"is_open": False})
    with problems_as_toasts(), pressed("The list shows it once the database answers"):
        if asked.get("act") == "run":
            toast(run_result(await signed_in.get().request_run(rule_id)))
        elif asked.get("act") == "delete":
            await delete(rule_id)
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
    with problems_as_toasts(), pressed("Reload the page to see whether it is back"):
        back = await signed_in.get().restore_rule(rule_id)
        toast(f"“{back['name']}” is back" + (", and on" if back["enabled"] else ", and off"))
        return time.time()
    return unchanged


@callback(
    Output("dry-body", "children"),
    Input("dry-ask", "data"),
    Input("dry-search", "value"),
    prevent_initial_call=True,
)
async def look_ahead(asked: Any, search: Any) -> Any:
    """Who would get a message; `dry-ask` says of which automation, for which reason, from where."""
    rule_id = named(asked)
    if not rule_id:
        return unchanged
    searched = dash.ctx.triggered_id == "dry-search"
    chosen, offset = text(asked.get("reason")), 0 if searched else whole(asked.get("offset"))
    try:
        found = await signed_in.get().preview_rule(
            {"id": rule_id}, chosen, text(search), PER_PAGE, offset
        )
    except FeedError as error:
        if error.signed_out:
            raise
        # In a dialog nothing comes by itself.
        return unreachable(FeedError(error.message, "" if error.away else error.hint))
    return dry_run(found, chosen, offset)
