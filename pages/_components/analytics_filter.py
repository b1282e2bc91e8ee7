"""This file is where it is chosen what /analytics shows: how long, and of which automations."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.span import RANGES, USUAL
from pipeline.answers import is_uuid

Row = dict[str, Any]
MOST_CHOSEN, MOST_SAID = 100, 40


def range_of(word: Any) -> str:
    """A range we know; else the usual one."""
    return word if isinstance(word, str) and word in RANGES else USUAL


def chosen_of(word: Any) -> list[str]:
    """Ids of automations out of an address; what is none is left out."""
    told = word.split(",") if isinstance(word, str) else []
    return list(dict.fromkeys(each for each in told[:MOST_CHOSEN] if is_uuid(each)))


def misread(asked: Mapping[str, Any], names: Container[str]) -> list[Component]:
    """Says what in the address means nothing here, instead of leaving it out silently."""
    rules, span = asked.get("rules"), asked.get("range")
    unknown = [each for each in rules.split(",") if each] if isinstance(rules, str) else []
    unknown = [each for each in unknown if each not in names]
    if span and range_of(span) != span:
        unknown.append(str(span))
    others = asked.get("others")
    unknown += map(str, others) if isinstance(others, list) else []
    if not unknown:
        return []
    said = ", ".join(f"“{each[:MOST_SAID]}”" for each in unknown[:3])
    words = f"The address asks for {said}, which nothing here is called; it is left out."
    return [html.P(words, className="notice warn figures-note", role="status", dir="auto")]


def analytics_filter(rules: Sequence[Row], chosen: Sequence[str], span: str) -> Component:
    """Buttons; assets/lazy/analytics.js puts what is pressed into the address."""
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
