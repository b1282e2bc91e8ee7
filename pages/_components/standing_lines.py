"""This file is where it is drawn that everything works, or what does not."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from pages._components.moments import at
from pages._components.standing import when_of

Row = dict[str, Any]
NAMED = 3


def state(lines: Sequence[Row]) -> Component:
    """That all is well, unless a line is bad or a warning; and every line."""
    drawn = [_line(line) for line in lines]
    if all(line["tone"] == "info" for line in lines):
        drawn.insert(0, html.Div("Everything works.", className="notice"))
    return html.Div(drawn, role="status", id="system-state")


def _line(line: Row) -> Component:
    told = when_of(line)
    inside: list[Any] = [
        html.Strong(line["title"]),
        html.Span([*_names(line.get("names", ())), line["text"]], className="notice-text"),
    ]
    if line.get("link"):
        word, href = line["link"]["word"], line["link"]["href"]
        inside.append(dcc.Link(f"{word} →", href=href, className="notice-link"))
    if told:
        inside.append(html.Span([f"{told[0]} ", at(told[1])], className="notice-time mute"))
    return html.Div(inside, className=f"notice {line['tone']}")


def _names(names: Sequence[str]) -> list[Any]:
    """The first few, each in its own direction."""
    parts: list[Any] = []
    for place, name in enumerate(names[:NAMED]):
        parts += [", " if place else "", html.Bdi(f"“{name}”")]
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return [*parts, f"{more}. "] if parts else []
