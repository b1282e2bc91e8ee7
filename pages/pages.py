"""This file is where the Facebook pages are served: how each is, and what a person does to it."""

import asyncio
import time
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, callback, clientside_callback
from dash import no_update as unchanged
from dash.development.base_component import Component

from pages._components.alerts import worker_away
from pages._components.ask import text
from pages._components.delta import Drawn
from pages._components.errors import pressed, problems_as_toasts, toast
from pages._components.monitor_frame import unreachable
from pages._components.page_card import page_card
from pages._components.page_list import page_list
from pipeline.feed import Feed, FeedError, signed_in

dash.register_page(__name__, path="/pages", title="Pages · Stagelight")  # type: ignore[no-untyped-call]
UNKNOWN = FeedError("This button is not known here.", "Reload the page.")
WHOLE = "The rate is a whole number from 1 to 2,400."


async def layout(**_: str) -> Component:
    """The frame with its first data, so that nothing flashes empty."""
    try:
        return page_list(await look("", counting=True))
    except FeedError as error:
        return unreachable(error)


async def look(rev: str, *, counting: bool) -> dict[str, Any]:
    """What concerns all, and every card; nothing when the browser shows exactly these."""
    feed = signed_in.get()
    pages, workers = await asyncio.gather(
        feed.page_cards(with_counts=counting), feed.worker_health()
    )
    away = worker_away({"workers": workers})
    cards = [page_card(page, time.time()) for page in pages]
    drawn = Drawn.of({"alerts": [away] if away else []}, cards)
    if rev == drawn.rev:
        return {"rev": rev}
    return {
        "rev": drawn.rev,
        **drawn.sections,
        "cards": list(drawn.cards.values()),
        "order": list(drawn.cards),
    }


clientside_callback(
    ClientsideFunction("fbpages", "gate"),
    Output("pages-request", "data"),
    Input("pages-tick", "n_intervals"),
    Input("pages-now", "data"),
)
clientside_callback(
    ClientsideFunction("fbpages", "apply"),
    Output("pages-mark", "children"),
    Input("pages-answer", "data"),
)


@callback(Output("pages-answer", "data"), Input("pages-request", "data"), prevent_initial_call=True)
async def poll(request: Any) -> Any:
    """Every three seconds: the cards, when one of them differs from what the browser has."""
    if not isinstance(request, dict):
        return unchanged
    try:
        return await look(text(request.get("rev"), 40), counting=request.get("counting") is True)
    except FeedError as error:
        if error.signed_out:
            raise
        return {"problem": error.message}


@callback(Output("pages-now", "data"), Input("pages-action", "data"), prevent_initial_call=True)
async def press(action: Any) -> Any:
    """A button of a card; a token never comes this way (api/connecting.py)."""
    if not isinstance(action, dict):
        return unchanged
    with problems_as_toasts(), pressed("Its card shows it once the database answers"):
        toast(await do(signed_in.get(), action))
    return time.time()


async def do(feed: Feed, action: dict[str, Any]) -> str:
    """Does it; returns what happened, in words. Raises FeedError."""
    page_id = text(action.get("id"), 40)
    match action.get("act"):
        case "sync":
            await feed.request_sync(page_id)
            return "Reading begins in a moment"
        case "pause" | "resume" as act:
            await feed.set_page_paused(page_id, act == "pause")
            return "Paused: nothing is sent" if act == "pause" else "Resumed"
        case "try":
            await feed.try_page_now(page_id)
            return "The next message is tried now"
        case "disconnect":
            await feed.disconnect_page(page_id)
            return "Disconnected: its token is deleted"
        case "rate":
            rate = text(action.get("rate"), 10).strip().replace(",", "")
            if not rate.isascii() or not rate.isdigit() or not 1 <= int(rate) <= 2400:
                raise FeedError(WHOLE)
            await feed.set_page_rate(page_id, int(rate))
            # Facebook counts by its own page, so page_room takes the slowest of its owners' rates.
            return f"At most {int(rate):,} messages a minute, fewer if another owner set fewer"
        case _:
            raise UNKNOWN
