"""This file is where many contacts are counted, then acted on batch by batch, on every page."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dash import (
    ClientsideFunction,
    Input,
    Output,
    callback,
    clientside_callback,
    dcc,
    html,
    no_update,
)
from dash.development.base_component import Component

from pages._components.ask import Ask, text, whole
from pages._components.errors import or_problem
from pipeline.answers import is_uuid
from pipeline.feed import Feed, FeedError, signed_in
from pipeline.looking import CONTACT_FILTERS, fitting
from pipeline.readings import forget

Row = dict[str, Any]
# So many contacts at a time, so that a worker can go on between two batches.
BATCH = 100
BATCHES = {
    **dict.fromkeys(("add_tag", "remove_tag", "opt_out", "lift_opt_out"), 500),
    # So that somebody who finds a wrong text in the list can still stop.
    "approve": 10,
}
COUNTED_LATER = "What the last batch did is counted when it goes on."
# What one page of the list shows.
MOST_NAMED = 100
UNKNOWN = FeedError("This button is not known here.", "Reload the page.")


def many(open_bulks: Sequence[Row]) -> list[Component]:
    """What a page needs for it; what was left halfway, here or elsewhere, can be gone on with."""
    return [
        dcc.Store(id="many-ask"),
        dcc.Store(id="many-answer", data={"open": list(open_bulks)}),
        html.Div(id="many-mark", hidden=True),
    ]


# With an output, because Dash calls one without it only for what comes later.
clientside_callback(
    ClientsideFunction("many", "told"),
    Output("many-mark", "children"),
    Input("many-answer", "data"),
)


@callback(Output("many-answer", "data"), Input("many-ask", "data"), prevent_initial_call=True)
async def act_on_many(wish: Any) -> Any:
    """First the number, then batch by batch; the browser asks for the next one until it ends."""
    if not isinstance(wish, dict):
        return no_update
    answer = await or_problem(step(signed_in.get(), wish))
    forget(signed_in.get().person, text(wish.get("rule_id")))
    return {**answer, "at": whole(wish.get("at"))}


async def step(feed: Feed, wish: Row) -> Row:
    """One step: count them, go on, or stop. Raises FeedError."""
    if wish.get("step") == "preview":
        return await count(feed, wish)
    bulk_id = text(wish.get("id"))
    if not is_uuid(bulk_id):
        raise UNKNOWN
    try:
        if wish.get("step") == "go":
            return await feed.advance_bulk(bulk_id, BATCHES.get(text(wish.get("action")), BATCH))
        if wish.get("step") == "stop":
            return await feed.stop_bulk(bulk_id)
    except FeedError as error:
        if error.in_doubt:
            error.hint = COUNTED_LATER
        raise
    raise UNKNOWN


async def count(feed: Feed, wish: Row) -> Row:
    """Those of one automation's monitor, or those of the list of contacts."""
    action = text(wish.get("action"))
    if "rule_id" in wish:
        ask = Ask.of(wish)
        if ask is None:
            raise UNKNOWN
        return await feed.preview_bulk(ask.rule_id, action, ask.stage, ask.search)
    tag = text(wish.get("tag"), 300).strip() or None
    return await feed.preview_contact_bulk(action, tag, whom(wish))


def whom(wish: Row) -> Row | list[str]:
    """The filter, or the contacts that were chosen one by one."""
    if isinstance(wish.get("filter"), dict):
        return dict(fitting(wish["filter"], CONTACT_FILTERS))
    ids = wish.get("ids")
    named = ids[:MOST_NAMED] if isinstance(ids, list) else []
    return [str(UUID(each)) for each in named if isinstance(each, str) and is_uuid(each)]
