"""This file is where the answer to an address that leads nowhere is drawn."""

from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs


def missing(title: str, text: str, back: tuple[str, str] = ("All automations", "/")) -> Component:
    """A page that says what is wrong and leads back."""
    return html.Section(
        [
            html.Div("404", className="missing-code", **attrs({"aria-hidden": "true"})),
            html.H1(title),
            html.P(text, className="mute"),
            dcc.Link(back[0], href=back[1], className="btn btn-primary"),
        ],
        className="missing",
        id="not-found",
    )


def missing_contact() -> Component:
    """For contacts that do not exist or belong to somebody else: both look the same."""
    return missing(
        "This contact does not exist",
        "They may have been deleted, or they belong to another account. "
        "Check the address, or choose one of yours.",
        ("All contacts", "/contacts"),
    )


def missing_automation() -> Component:
    """For rules that do not exist or belong to somebody else: both look the same."""
    return missing(
        "This automation does not exist",
        "It may have been deleted, or it belongs to another account. "
        "Check the address, or choose one of yours.",
    )
