"""This file is where a person reads what they did, newest first."""

import asyncio
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, callback, clientside_callback, html
from dash.development.base_component import Component

from pages._components.audit_list import KINDS, ORDER, PER_PAGE, audit_list, number_of, told
from pages._components.errors import or_problem
from pages._components.list_ask import ListAsk
from pages._components.monitor_frame import unreachable
from pipeline.feed import Feed, FeedError, signed_in
from pipeline.looking import AUDIT_FILTERS

dash.register_page(__name__, path="/audit", title="Audit · Stagelight")  # type: ignore[no-untyped-call]


async def layout(**given: str) -> Component:
    """The list as the address asks for it."""
    ask = ListAsk.of(given, AUDIT_FILTERS, (ORDER,))
    feed = signed_in.get()
    try:
        answer, rules = await asyncio.gather(look(feed, ask), feed.rule_names())
    except FeedError as error:
        return unreachable(error)
    return html.Div(
        [
            html.H1("Audit", tabIndex="-1"),
            html.P(
                "What was done with your account. Nobody can change or remove a line.",
                className="mute",
            ),
            audit_list(ask, answer, rules),
        ],
        id="audit-page",
    )


async def look(feed: Feed, ask: ListAsk) -> dict[str, Any]:
    """One page of the list, with the names of what it is about."""
    before = (ask.cursor.key, number_of(ask.cursor)) if ask.cursor else None
    codes = list(KINDS.get(ask.fits.get("kind", ""), ()))
    found, rules, pages = await asyncio.gather(
        feed.list_actions(ask.fits, codes, before, PER_PAGE + 1), feed.rule_names(), feed.pages()
    )
    states = [row["detail"]["state"] for row in found if "state" in row["detail"]]
    people = await feed.contacts_of_states(states)
    return told(found, ask, {row["id"]: str(row["name"]) for row in [*rules, *pages]}, people)


clientside_callback(
    ClientsideFunction("lists", "audit"),
    Output("audit-mark", "children"),
    Input("audit-answer", "data"),
)


@callback(Output("audit-answer", "data"), Input("audit-ask", "data"), prevent_initial_call=True)
async def show(wish: Any) -> Any:
    """The filter or the page was changed."""
    ask = ListAsk.of(wish, AUDIT_FILTERS, (ORDER,))
    return {"at": ask.at, **await or_problem(look(signed_in.get(), ask))}
