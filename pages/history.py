"""This file is where every try to send is served: filtered, newest first, and as a file."""

import asyncio
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, callback, clientside_callback, html
from dash.development.base_component import Component

from pages._components.errors import or_problem
from pages._components.history_list import ORDER, PER_PAGE, history_list, told
from pages._components.list_ask import ListAsk
from pages._components.list_frame import heading
from pages._components.monitor_frame import unreachable
from pipeline.feed import FeedError, signed_in
from pipeline.looking import HISTORY_FILTERS

dash.register_page(__name__, path="/history", title="History · Stagelight")  # type: ignore[no-untyped-call]


async def layout(**given: str) -> Component:
    """The list as the address asks for it."""
    ask = ListAsk.of(given, HISTORY_FILTERS, (ORDER,))
    feed = signed_in.get()
    try:
        answer, rules, pages = await asyncio.gather(look(ask), feed.rule_names(), feed.pages())
    except FeedError as error:
        return unreachable(error)
    return html.Div(
        [heading("History", "/history.csv"), history_list(ask, answer, rules, pages)],
        id="history-page",
    )


async def look(ask: ListAsk) -> dict[str, Any]:
    """One page of the list."""
    before = ask.cursor.pair if ask.cursor else None
    return told(await signed_in.get().list_attempts(ask.fits, before, PER_PAGE), ask)


clientside_callback(
    ClientsideFunction("lists", "history"),
    Output("history-mark", "children"),
    Input("history-answer", "data"),
)


@callback(Output("history-answer", "data"), Input("history-ask", "data"), prevent_initial_call=True)
async def show(wish: Any) -> Any:
    """The filter or the page was changed."""
    ask = ListAsk.of(wish, HISTORY_FILTERS, (ORDER,))
    return {"at": ask.at, **await or_problem(look(ask))}
