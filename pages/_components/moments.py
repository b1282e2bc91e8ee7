"""This file is where a moment is handed to the browser, which tells it in the reader's zone."""

from dash import html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.words import epoch


def when(moment: str) -> Component:
    """A moment that assets/45-moments.js words: 14:05 today, Mon 23 Nov, 14:05 on other days."""
    return at(epoch(moment))


def at(seconds: float | None) -> Component:
    """The same of seconds since 1970."""
    return html.Time("", className="when", **attrs({"data-epoch": str(seconds)}))
