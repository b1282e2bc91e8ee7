"""This file is where the form of a person's own settings is drawn, and what was typed is read."""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.rule_fields import (
    DAILY_LIMIT,
    FOLLOW_UPS,
    NEW,
    READERS,
    UNITS,
    MistypedError,
    split_minutes,
    zones,
)

Row = dict[str, Any]
THEMES = {"system": "As the machine has it", "light": "Light", "dark": "Dark"}
# Every control, in the order in which the callback gets them.
CONTROLS = (
    *("time_zone", "theme", "wait", "wait_unit", "max_follow_ups", "daily_limit"),
    *("run_24_7", "active_from", "active_until"),
)
HOURS = ("active_from", "active_until")


def settings_form(saved: Row) -> Component:
    """`saved` is what the person has chosen; the rest is shown as it is without a choice."""
    new = {**NEW, **{name: value for name, value in saved.items() if value is not None}}
    return html.Div(
        [
            html.H1("Settings", tabIndex="-1"),
            html.Div(id="settings-mark", hidden=True),
            dcc.Store(id="settings-saved"),
            html.Div([_looks(saved), _defaults(new)], className="settings"),
            html.Div(
                [
                    html.Button(
                        "Save", id="settings-save", className="btn btn-primary", type="button"
                    ),
                    html.Span("", id="settings-state", className="mute", role="status"),
                ],
                className="settings-bar",
            ),
        ],
        id="settings-page",
    )


def read_settings(typed: Sequence[Any]) -> tuple[Row, dict[str, str]]:
    """What can be saved, and what is wrong, by control."""
    given = dict(zip(CONTROLS, typed, strict=True))
    given["wait"] = [given["wait"], given.pop("wait_unit")]
    found: Row = {
        "theme": given["theme"] if given["theme"] in list(THEMES) else "system",
        "run_24_7": bool(given["run_24_7"]),
    }
    errors: dict[str, str] = {}
    names = {"wait": "wait_minutes", **{name: name for name in ("max_follow_ups", "daily_limit")}}
    names |= {name: name for name in HOURS}
    for control, name in names.items():
        try:
            found[name] = READERS[control](given[control])
        except MistypedError as mistake:
            errors[control] = str(mistake)
    try:
        found["time_zone"] = (
            READERS["time_zone"](given["time_zone"]) if given["time_zone"] else None
        )
    except MistypedError as mistake:
        errors["time_zone"] = str(mistake)
    if found["run_24_7"]:
        for name in HOURS:
            errors.pop(name, None)
            found[name] = None
    elif found.get(HOURS[0]) and found.get(HOURS[0]) == found.get(HOURS[1]):
        errors["active_until"] = "The same as From: choose another time, or around the clock."
    return found, errors


def _looks(saved: Row) -> Component:
    offers = [html.Option(value=name) for name in zones()]
    zone = html.Div(
        [
            dbc.Input(
                id="set-time_zone",
                value=saved["time_zone"] or "",
                placeholder="This browser's zone",
                list="set-zones",
                autocomplete="off",
                maxlength=80,
            ),
            html.Datalist(offers, id="set-zones"),
        ]
    )
    theme = dbc.RadioItems(
        id="set-theme",
        value=saved["theme"],
        options=[{"value": name, "label": word} for name, word in THEMES.items()],
    )
    return html.Section(
        [
            html.H2("On every page"),
            _field("time_zone", "Time zone", zone, "Type a city. Empty: each browser's own."),
            _field("theme", "Theme", theme, "Holds in every browser you sign in with.", group=True),
        ],
        className="panel",
    )


def _defaults(new: Row) -> Component:
    amount, unit = split_minutes(new["wait_minutes"])
    units = [{"value": each, "label": each} for each in UNITS]
    wait = html.Div(
        [
            _input("wait", amount, inputmode="decimal"),
            html.Label("Unit of the wait", htmlFor="set-wait_unit", className="visually-hidden"),
            dbc.Select(id="set-wait_unit", value=unit, options=units),
        ],
        className="amount",
    )
    clocks = [
        _field(name, word, dbc.Input(id=f"set-{name}", type="time", value=str(new[name])[:5]))
        for name, word in zip(HOURS, ("From", "Until"), strict=True)
    ]
    follow_ups = _input("max_follow_ups", str(new["max_follow_ups"]), inputmode="numeric")
    limit = _input("daily_limit", str(new["daily_limit"]), inputmode="numeric")
    around = dbc.Switch(id="set-run_24_7", label="Around the clock", value=bool(new["run_24_7"]))
    return html.Section(
        [
            html.H2("What a new automation begins with"),
            _field("wait", "Wait after the last message", wait),
            html.Div(
                [
                    _field("max_follow_ups", "Follow-ups", follow_ups, _span(FOLLOW_UPS)),
                    _field("daily_limit", "Messages a day", limit, _span(DAILY_LIMIT)),
                ],
                className="field-row",
            ),
            html.Div(around, className="field"),
            html.Div(clocks, className="field-row"),
            html.P("Automations that exist already stay as they are.", className="mute"),
        ],
        className="panel",
    )


def _input(name: str, value: str, **more: Any) -> Component:
    control: Component = dbc.Input(
        id=f"set-{name}",
        value=value,
        autocomplete="off",
        maxlength=20,
        class_name="figures",
        **more,
    )
    return control


def _field(
    name: str, label: str, control: Component, hint: str = "", *, group: bool = False
) -> Component:
    heading = (
        html.Div(label, className="label", id=f"set-label-{name}")
        if group
        else html.Label(label, htmlFor=f"set-{name}", className="label")
    )
    role = {"role": "group", "aria-labelledby": f"set-label-{name}"} if group else {}
    return html.Div(
        [
            heading,
            control,
            html.Div(hint, className="hint", hidden=not hint),
            html.Div("", id=f"set-error-{name}", className="field-error", role="alert"),
        ],
        className="field",
        **attrs(role),
    )


def _span(limits: tuple[int, int]) -> str:
    return f"{limits[0]:,} to {limits[1]:,}"
