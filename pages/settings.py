"""This file is where a person says what they want everywhere: zone, theme, defaults."""

from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, set_props
from dash import no_update as unchanged
from dash.development.base_component import Component

from pages._components.errors import pressed, problems_as_toasts, toast
from pages._components.monitor_frame import unreachable
from pages._components.settings_form import CONTROLS, read_settings, settings_form
from pipeline.feed import FeedError, signed_in
from pipeline.preferences import THEMES

dash.register_page(__name__, path="/settings", title="Settings · Stagelight")  # type: ignore[no-untyped-call]
FIELDS = [name for name in CONTROLS if name not in ("wait_unit", "run_24_7")]


async def layout(**_: str) -> Component:
    """The form with what is saved."""
    try:
        return settings_form(await signed_in.get().settings())
    except FeedError as error:
        return unreachable(error)


clientside_callback(
    ClientsideFunction("settings", "saved"),
    Output("settings-mark", "children"),
    Input("settings-saved", "data"),
)


@callback(
    Output("settings-saved", "data"),
    Input("settings-save", "n_clicks"),
    *[State(f"set-{name}", "value") for name in CONTROLS],
    prevent_initial_call=True,
    running=[(Output("settings-save", "disabled"), True, False)],
)
async def save(clicks: Any, *typed: Any) -> Any:
    """Saves all of it, or says at the field what is wrong."""
    if not clicks:
        return unchanged
    settings, errors = read_settings(typed)
    for name in FIELDS:
        set_props(f"set-error-{name}", {"children": errors.get(name, "")})
    if errors:
        return {"errors": [f"set-{name}" for name in FIELDS if name in errors]}
    with problems_as_toasts(), pressed("Reload the page to see it"):
        saved = await signed_in.get().save_settings(settings)
        toast("Saved")
        return {"zone": saved["time_zone"], "theme": saved["theme"]}
    return unchanged


@callback(
    Output("preference-kept", "data"), Input("preference-wish", "data"), prevent_initial_call=True
)
async def keep(wish: Any) -> Any:
    """The theme was chosen in the menu, on any page; not arriving is no reason for a message."""
    theme = wish.get("theme") if isinstance(wish, dict) else None
    if theme not in THEMES:
        return unchanged
    try:
        await signed_in.get().save_settings({"theme": theme})
    except FeedError as error:
        if error.signed_out:
            raise
        return unchanged
    return {"theme": theme}
