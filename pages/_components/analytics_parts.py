"""This file is where a figure gets its title, its words, its table and its place on the page."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.words import duration


def panel(
    name: str, finding: str, about: str, body: Sequence[Component], wide: bool = False
) -> Component:
    """A figure under the sentence that says what it shows."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2(finding, id=f"{name}-title", className="figure-finding"),
                    html.P(about, className="figure-about"),
                ],
                className="figure-top",
            ),
            *body,
        ],
        className="panel figure" + (" wide" if wide else ""),
        id=f"figure-{name}",
        **attrs({"aria-labelledby": f"{name}-title"}),
    )


def drawing(name: str, finding: str, size: str = "") -> Component:
    """Where a chart is drawn; what it shows is its name, its numbers are in the table below it."""
    return html.Div(
        className=f"chart {size}".strip(),
        id=f"chart-{name}",
        role="img",
        **attrs({"aria-label": f"Chart: {finding} The numbers are in the table below."}),
    )


def numbers(name: str, what: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Component:
    """The same as a table, for those who do not see the chart, or want to copy it."""
    return html.Details(
        [html.Summary("As a table"), table(name, what, heads, rows)], className="figure-table"
    )


def table(name: str, what: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Component:
    """A table whose first column names the row."""
    return html.Div(
        html.Table(
            [
                html.Caption(what, className="visually-hidden"),
                html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
                html.Tbody([_row(row) for row in rows]),
            ],
            className="figures",
        ),
        className="figures-box",
        id=f"table-{name}",
        tabIndex="0",
        role="region",
        **attrs({"aria-label": what}),
    )


def headline(name: str, word: str, value: str, change: str, tone: str = "") -> Component:
    """One number with its comparison."""
    return html.Div(
        [
            html.Dt(word),
            html.Dd([html.Strong(value), html.Span(change, className="mute")]),
        ],
        className=f"panel headline {tone}".strip(),
        id=f"headline-{name}",
    )


def percent(part: int, whole: int) -> str:
    """12 %, and 0.8 % where a whole one would hide it; a dash of nothing."""
    if not whole:
        return "\u2013"
    share = part / whole * 100
    return f"{share:.1f}\u00a0%" if 0 < share < 9.95 else f"{share:.0f}\u00a0%"


def share_of(part: int, whole: int, word: str, part_before: int, whole_before: int) -> str:
    """A share and the one before it; a share of nothing is none, and is not told."""
    now = f"{percent(part, whole)} {word}" if whole else ""
    before = f"{percent(part_before, whole_before)} before" if whole_before else ""
    return "; ".join(filter(None, [now, before])) or "nothing was sent"


def took(seconds: float) -> str:
    """A duration; what is too short for words is said to be short."""
    return duration(seconds) if seconds >= 0.1 else "under 0.1 s"


def change_of(now: int, before: int, span: str) -> str:
    """How it compares with as much of the time before."""
    if not before:
        return f"none in the {span} before" if now else f"none in the {span} before either"
    if now == before:
        return f"as many as in the {span} before"
    if now >= before * 10:
        return f"{now / before:.0f} times the {before:,} of the {span} before"
    more = "more" if now > before else "fewer"
    amount = percent(abs(now - before), before)
    return f"{amount} {more} than the {before:,} of the {span} before"


def _row(cells: Sequence[Any]) -> Component:
    first, *others = cells
    return html.Tr([html.Th(first, scope="row", dir="auto"), *(html.Td(cell) for cell in others)])
