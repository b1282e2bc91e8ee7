"""This file is where one field of a form is drawn: label, control, hint, and room for an error.

assets/75-rule-form.js writes the errors and ties hint and error to the control for screen readers.
"""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.rule_fields import UNITS

Values = dict[str, Any]


def field(
    name: str, label: str, control: Component, hint: str = "", *, group: bool = False
) -> Component:
    """`name` is the setting's; the control has the id rule-<name>."""
    heading = (
        html.Div(label, className="label", id=f"label-{name}")
        if group
        else html.Label(label, htmlFor=f"rule-{name}", className="label")
    )
    role = {"role": "group", "aria-labelledby": f"label-{name}"} if group else {}
    return html.Div(
        [
            heading,
            control,
            html.Div(hint, id=f"hint-{name}", className="hint", hidden=not hint),
            html.Div("", id=f"error-{name}", className="field-error"),
        ],
        className="field",
        **attrs({"data-field": name, **role}),
    )


def text(
    name: str, label: str, values: Values, *, most: int, hint: str = "", offers: Sequence[str] = ()
) -> Component:
    """One line of text; `offers` are suggestions, anything else may be typed too."""
    listed = f"offers-{name}" if offers else None
    control: Component = dbc.Input(
        id=f"rule-{name}",
        value=values[name],
        autocomplete="off",
        maxlength=most * 2,
        **({"list": listed} if listed else {}),
    )
    if listed:
        options = [html.Option(value=offer) for offer in offers]
        control = html.Div([control, html.Datalist(options, id=listed)])
    return field(name, label, control, hint)


def number(name: str, label: str, values: Values, limits: tuple[int, int]) -> Component:
    """A whole number, typed as text so that what cannot be one is seen and named."""
    control = dbc.Input(
        id=f"rule-{name}",
        value=values[name],
        inputmode="numeric",
        autocomplete="off",
        maxlength=20,
        class_name="figures",
    )
    return field(name, label, control, f"{limits[0]:,} to {limits[1]:,}")


def minutes(
    name: str, label: str, values: Values, limits: tuple[int, int], hint: str = ""
) -> Component:
    """A duration: a number and its unit."""
    amount, unit = values[name]
    control = html.Div(
        [
            dbc.Input(
                id=f"rule-{name}",
                value=amount,
                inputmode="decimal",
                autocomplete="off",
                maxlength=20,
                class_name="figures",
            ),
            html.Label(f"Unit of: {label}", htmlFor=f"rule-{name}_unit", className=HIDDEN),
            dbc.Select(
                id=f"rule-{name}_unit",
                value=unit,
                options=[{"value": choice, "label": choice} for choice in UNITS],
            ),
        ],
        className="amount",
    )
    return field(name, label, control, hint)


HIDDEN = "visually-hidden"


def times(name: str, label: str, values: Values) -> Component:
    """A time of day."""
    control = dbc.Input(id=f"rule-{name}", type="time", value=values[name], step="any")
    return field(name, label, control)


def switch(name: str, label: str, values: Values) -> Component:
    """On or off."""
    return html.Div(
        dbc.Switch(id=f"rule-{name}", label=label, value=bool(values[name])),
        className="field",
        **attrs({"data-field": name}),
    )


def tags(name: str, label: str, values: Values, hint: str) -> Component:
    """Tags as chips; the script adds and removes them in the store rule-<name>."""
    control = html.Div(
        [
            dcc.Store(id=f"rule-{name}", data=values[name]),
            html.Ul(className="chips", **attrs({"aria-label": label})),
            dbc.Input(
                id=f"type-{name}",
                list="page-tags",
                placeholder="Add a tag…",
                autocomplete="off",
                maxlength=100,
                debounce=True,
            ),
        ],
        className="tag-edit",
        **attrs({"data-tags": name}),
    )
    return html.Div(
        [
            html.Label(label, htmlFor=f"type-{name}", className="label"),
            control,
            html.Div(hint, id=f"hint-{name}", className="hint"),
            html.Div("", id=f"error-{name}", className="field-error"),
        ],
        className="field",
        **attrs({"data-field": name}),
    )
