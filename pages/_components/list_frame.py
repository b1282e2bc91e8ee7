"""This file is where a list with filters and pages is framed; assets/82-lists.js draws its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs

# What a filter says that is not asked for; an empty value would show nothing.
ANY = "any"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; with `key` the list can be ordered by it, `order` being the usual way round."""

    word: str
    key: str = ""
    order: str = ""


BAR = attrs({"role": "group", "aria-label": "Selected rows"})


def list_frame(
    name: str,
    what: str,
    filters: Sequence[Component],
    columns: Sequence[Column],
    answer: Any,
    *,
    pick: bool = False,
) -> Component:
    """`what` names the table; `answer` is its first page, so that nothing flashes empty.

    With `pick` rows can be chosen, to act on many; what is done with them is the list's script's.
    """
    return html.Section(
        [
            dcc.Store(id=f"{name}-ask"),
            dcc.Store(id=f"{name}-answer", data=answer),
            html.Div(id=f"{name}-mark", hidden=True),
            html.Div(list(filters), className="list-tools", role="search"),
            html.Div("", id=f"{name}-problem", className="notice warn", role="status", hidden=True),
            html.P("", id=f"{name}-sum", className="list-sum", role="status"),
            html.Div(id=f"{name}-bar", className="pick-bar", hidden=True, **BAR),
            _table(name, what, columns, pick=pick),
            html.Div(id=f"{name}-none", className="panel list-none", hidden=True),
            _pager(name),
        ],
        className="list",
        id=f"{name}-list",
        **attrs({"data-list": name}),
    )


def _table(name: str, what: str, columns: Sequence[Column], *, pick: bool) -> Component:
    picking = [html.Th(id=f"{name}-pick", scope="col", role="columnheader")] if pick else []
    head = html.Thead(html.Tr([*picking, *map(_heading, columns)], role="row"))
    return html.Div(
        html.Table(
            [head, html.Tbody(id=f"{name}-rows", role="rowgroup")],
            className="list-table",
            role="table",
            **attrs({"aria-label": what}),
        ),
        className="panel list-panel",
        id=f"{name}-panel",
    )


def words(name: str, field: str, label: str, placeholder: str, value: str) -> Component:
    """A filter that is typed."""
    return html.Div(
        [
            html.Label(label, htmlFor=f"{name}-by-{field}", className="visually-hidden"),
            dbc.Input(
                id=f"{name}-by-{field}",
                type="search",
                value=value,
                placeholder=placeholder,
                autocomplete="off",
                maxlength=200,
            ),
        ],
        className="list-words",
    )


def choice(name: str, field: str, label: str, options: Mapping[str, str], value: str) -> Component:
    """One filter with given values."""
    return html.Div(
        [
            html.Label(label, htmlFor=f"{name}-by-{field}", className="visually-hidden"),
            dbc.Select(
                id=f"{name}-by-{field}",
                value=value if value in options else ANY,
                options=[{"value": key, "label": word} for key, word in options.items()],
            ),
        ],
        className="list-choice",
    )


def day(name: str, field: str, label: str, value: str) -> Component:
    """A day of the reader's calendar."""
    return html.Div(
        [
            html.Label(label, htmlFor=f"{name}-by-{field}"),
            dbc.Input(id=f"{name}-by-{field}", type="date", value=value),
        ],
        className="list-choice list-day",
    )


def heading(title: str, file: str, *more: Component) -> Component:
    """The page's title, `more`, and the way to the list as a file; the script adds the filter."""
    link = html.A(
        "Download CSV",
        href=file,
        className="btn btn-soft",
        download="",
        **attrs({"data-csv": file}),
    )
    ways = html.Div([*more, link], className="list-ways")
    return html.Div([html.H1(title, tabIndex="-1"), ways], className="list-head")


def _heading(column: Column) -> Component:
    inside: Any = column.word
    if column.key:
        inside = html.Button(
            column.word,
            className="list-order",
            type="button",
            **attrs({"data-order": column.order, "data-key": column.key}),
        )
    return html.Th(inside, scope="col", role="columnheader", **attrs({"data-word": column.word}))


def _pager(name: str) -> Component:
    words = (("first", "First page"), ("prev", "Previous"), ("next", "Next"))
    return html.Nav(
        [
            html.Button(word, className="btn btn-soft", type="button", **attrs({"data-to": to}))
            for to, word in words
        ],
        className="pager",
        id=f"{name}-pager",
        hidden=True,
        **attrs({"aria-label": "Pages of the list"}),
    )
