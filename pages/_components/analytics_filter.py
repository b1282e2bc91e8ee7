"""This file is where it is chosen what /analytics shows: how long, and of which automations."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.span import RANGES, USUAL
from pipeline.answers import is_uuid

Row = dict[str, Any]
MOST_CHOSEN = 100


def range_of(word: Any) -> str:
    """A range we know; else the usual one."""
    return word if isinstance(word, str) and word in RANGES else USUAL


def chosen_of(word: Any) -> list[str]:
    """Ids of automations out of an address; what is none is left out."""
    told = word.split(",") if isinstance(word, str) else []
    return list(dict.fromkeys(each for each in told[:MOST_CHOSEN] if is_uuid(each)))


def analytics_filter(rules: Sequence[Row], chosen: Sequence[str], span: str) -> Component:
    """Buttons; assets/late/analytics.js puts what is pressed into the address."""
    ranges = html.Div(
        [
            _press(f"Last {words}", {"data-range": key}, key == span)
            for key, words in RANGES.items()
        ],
        className="choices ranges",
        role="group",
        **attrs({"aria-label": "How long"}),
    )
    return html.Div(
        [ranges, *([_picker(rules, chosen)] if rules else [])],
        className="figures-tools",
        id="analytics-filter",
        role="search",
    )


def _picker(rules: Sequence[Row], chosen: Sequence[str]) -> Component:
    each = [_press(rule["name"], {"data-rule": rule["id"]}, rule["id"] in chosen) for rule in rules]
    everything = _press("All automations", {"data-rule": ""}, not chosen)
    return html.Details(
        [
            html.Summary("", id="analytics-chosen", className="btn btn-soft", dir="auto"),
            html.Div(
                [everything, *each],
                className="picker-list panel",
                role="group",
                **attrs({"aria-label": "Automations"}),
            ),
        ],
        className="picker",
        id="analytics-picker",
    )


def _press(words: str, data: dict[str, str], pressed: bool) -> Component:
    return html.Button(
        words,
        className="btn btn-soft choice",
        type="button",
        dir="auto",
        **attrs({**data, "aria-pressed": "true" if pressed else "false"}),
    )
