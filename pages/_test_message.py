"""This file is where a test message is asked for on the form, and waited for."""

import time
from typing import Any

from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback
from dash import no_update as unchanged

from pages._components.look_ahead import problem, test_result, writing
from pipeline.feed import FeedError, signed_in

GIVE_UP_SECONDS = 75
SETTINGS = ("prompt", "language", "model", "max_follow_ups")


clientside_callback(
    ClientsideFunction("ruleForm", "reveal"),
    Output("test-mark", "children"),
    Input("test-result", "children"),
    prevent_initial_call=True,
)


@callback(
    Output("test-result", "children"),
    Output("test-asked", "data"),
    Output("test-tick", "disabled"),
    Input("test-write", "n_clicks"),
    State("test-contact", "value"),
    *[State(f"rule-{name}", "value") for name in SETTINGS],
    State("rule-saved", "data"),
    prevent_initial_call=True,
)
async def ask(clicks: Any, contact_id: Any, *values: Any) -> Any:
    """Asks a worker to write; this process has no key for it (docs/decisions/0016)."""
    *typed, saved = values
    if not clicks:
        return unchanged, unchanged, unchanged
    if not isinstance(contact_id, str) or not contact_id:
        return problem("Choose a contact first."), None, True
    try:
        if not (await signed_in.get().worker_health())["alive"]:
            return problem("No worker is running.", "Start one, then try again."), None, True
        preview_id = await signed_in.get().request_preview(contact_id, asked(typed, saved))
    except FeedError as error:
        if error.signed_out:
            raise
        return problem(error.message, error.hint), None, True
    return writing(), {"id": preview_id, "at": time.time()}, False


def asked(typed: list[Any], saved: Any) -> dict[str, Any]:
    """What decides the words, as typed."""
    prompt, language, model, follow_ups = (
        str("" if value is None else value).replace("\x00", "") for value in typed
    )
    # A number that cannot be read is said at its field; the test does without it.
    most = int(follow_ups) if follow_ups.isascii() and follow_ups.isdigit() else 1
    settings = {"prompt": prompt, "language": language, "model": model}
    rule_id = saved.get("id") if isinstance(saved, dict) else None
    return {**settings, "max_follow_ups": min(max(most, 1), 10), "id": rule_id}


@callback(
    Output("test-result", "children", allow_duplicate=True),
    Output("test-tick", "disabled", allow_duplicate=True),
    Input("test-tick", "n_intervals"),
    State("test-asked", "data"),
    prevent_initial_call=True,
)
async def wait(_: Any, waiting: Any) -> Any:
    """The message when it is there; after a while, that nobody wrote it."""
    if not isinstance(waiting, dict) or not isinstance(waiting.get("id"), str):
        return unchanged, True
    try:
        row = await signed_in.get().read_preview(waiting["id"])
    except FeedError as error:
        if error.signed_out:
            raise
        return problem(error.message, error.hint), True
    if row and row["finished_at"]:
        return test_result(row), True
    began = waiting.get("at")
    if not isinstance(began, int | float) or time.time() - began > GIVE_UP_SECONDS:
        return problem("Nobody has written it.", "Look whether a worker is running."), True
    return unchanged, unchanged
