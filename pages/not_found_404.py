"""This file is where unknown addresses end."""

import dash
from dash.development.base_component import Component

from pages._components.missing import missing

dash.register_page(__name__, title="Not found · Stagelight")  # type: ignore[no-untyped-call]


def layout(**_: str) -> Component:
    """Says so, and leads back."""
    return missing("There is no page here", "The address may be mistyped or out of date.")
