"""This file is where the dialog for questions and the drawer of a dry run are drawn."""

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs


def asking() -> list[Component]:
    """What a page needs on which automations are run, looked ahead at or deleted: pages/_asking."""
    return [
        *[
            dcc.Store(id=name)
            for name in ("ask-about", "ask-asked", "ask-what", "ask-done", "dry-ask")
        ],
        *_question(),
        *_dry_run(),
    ]


def _question() -> list[Component]:
    """One dialog for every question; a callback fills it in and opens it."""
    no = html.Button("Cancel", id="ask-no", className="btn btn-soft", type="button")
    yes = html.Button("", id="ask-yes", className="btn btn-primary", type="button")
    return [
        dbc.Modal(
            [
                dbc.ModalHeader(
                    html.H2("", id="ask-title", className="modal-title", dir="auto"),
                    close_button=False,
                ),
                dbc.ModalBody(html.Div(id="ask-body")),
                dbc.ModalFooter([no, yes]),
            ],
            id="ask",
            is_open=False,
            centered=True,
            labelledby="ask-title",
        ),
    ]


def _dry_run() -> list[Component]:
    return [
        dbc.Offcanvas(
            [
                html.Div(
                    [
                        html.H2("Dry run", id="dry-title", className="offcanvas-title", dir="auto"),
                        html.Button(
                            "✕",
                            id="dry-close",
                            className="icon-button",
                            type="button",
                            title="Close",
                            **attrs({"aria-label": "Close"}),
                        ),
                    ],
                    className="drawer-head",
                ),
                html.Label("Search people", htmlFor="dry-search", className="visually-hidden"),
                dbc.Input(
                    id="dry-search",
                    type="search",
                    placeholder="Search a name…",
                    debounce=300,
                    autocomplete="off",
                    maxlength=200,
                ),
                html.Div(id="dry-body", **attrs({"aria-live": "polite"})),
            ],
            id="dry",
            close_button=False,
            placement="end",
            is_open=False,
            labelledby="dry-title",
        ),
    ]
