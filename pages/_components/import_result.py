"""This file is where the result of an import is told: numbers, then each bad line."""

from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from pages._components.words import count

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file; `stopped` says why it ended early."""

    imported: int
    updated: int
    rejected: list[tuple[int, str]]
    stopped: str = ""


def report(name: str, result: Report) -> Component:
    """New, updated, not taken; the latter by line number."""
    told = [
        f"{count(result.imported, 'contact')} added",
        f"{result.updated:,} updated",
        f"{count(len(result.rejected), 'line')} not taken",
    ]
    good = not result.stopped and not result.rejected
    return html.Section(
        [
            html.H2([html.Span(name, dir="auto"), ": ", ", ".join(told)]),
            html.P(result.stopped, className="notice bad") if result.stopped else None,
            _lines(result.rejected),
        ],
        className="panel result" + (" good" if good else ""),
        id="import-report",
    )


def failed(name: str, message: str) -> Component:
    """The file as a whole was not taken."""
    return html.Section(
        [html.H2([html.Span(name, dir="auto"), " was not imported"]), html.P(message)],
        className="panel result bad",
        id="import-report",
        role="alert",
    )


def _lines(rejected: list[tuple[int, str]]) -> Component | None:
    if not rejected:
        return None
    more = len(rejected) - SHOWN
    rows = [
        html.Tr([html.Th(f"Line {line}", scope="row"), html.Td(reason, dir="auto")])
        for line, reason in rejected[:SHOWN]
    ]
    return html.Div(
        [
            html.Table(html.Tbody(rows)),
            html.P(f"and {more:,} more", className="mute") if more > 0 else None,
        ],
        className="rejected",
    )
