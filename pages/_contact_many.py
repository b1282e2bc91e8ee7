"""This file is where a change of many contacts is counted, then done batch by batch."""

from typing import Any
from uuid import UUID

from dash import ClientsideFunction, Input, Output, callback, clientside_callback, no_update

from pages._components.ask import text, whole
from pipeline.answers import is_uuid
from pipeline.feed import Feed, FeedError, signed_in
from pipeline.looking import CONTACT_FILTERS, fitting

Row = dict[str, Any]
# So many contacts at a time, so that a worker can go on between two batches.
BATCH, BATCH_OF_DELETING = 500, 100
# What one page of the list shows.
MOST_NAMED = 100
UNKNOWN = FeedError("This button is not known here.", "Reload the page.")

clientside_callback(
    ClientsideFunction("lists", "many"),
    Output("contacts-many-mark", "children"),
    Input("contacts-many-answer", "data"),
)


@callback(
    Output("contacts-many-answer", "data"),
    Input("contacts-many-ask", "data"),
    prevent_initial_call=True,
)
async def act_on_many(wish: Any) -> Any:
    """First the number, then batch by batch; the browser asks for the next one until it ends."""
    if not isinstance(wish, dict):
        return no_update
    try:
        answer = await step(signed_in.get(), wish)
    except FeedError as error:
        if error.signed_out:
            raise
        answer = {"problem": [error.message, error.hint]}
    return {**answer, "at": whole(wish.get("at"))}


async def step(feed: Feed, wish: Row) -> Row:
    """One step: count them, go on, or stop. Raises FeedError."""
    if wish.get("step") == "preview":
        tag = text(wish.get("tag"), 300).strip() or None
        return await feed.preview_contact_bulk(text(wish.get("action")), tag, whom(wish))
    bulk_id = text(wish.get("id"))
    if not is_uuid(bulk_id):
        raise UNKNOWN
    if wish.get("step") == "go":
        size = BATCH_OF_DELETING if wish.get("action") == "delete" else BATCH
        return await feed.advance_contact_bulk(bulk_id, size)
    if wish.get("step") == "stop":
        return await feed.stop_contact_bulk(bulk_id)
    raise UNKNOWN


def whom(wish: Row) -> Row | list[str]:
    """The filter, or the contacts that were chosen one by one."""
    if isinstance(wish.get("filter"), dict):
        return dict(fitting(wish["filter"], CONTACT_FILTERS))
    ids = wish.get("ids")
    named = ids[:MOST_NAMED] if isinstance(ids, list) else []
    return [str(UUID(each)) for each in named if isinstance(each, str) and is_uuid(each)]
