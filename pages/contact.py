"""This file is where one contact is served: who they are, and everything that happened."""

from typing import Any
from urllib.parse import urlencode

import dash
from dash import Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component

from pages._components.ask import text
from pages._components.contact_story import story
from pages._components.contact_who import who
from pages._components.errors import pressed, toast
from pages._components.list_ask import is_moment
from pages._components.missing import missing_contact
from pages._components.monitor_frame import unreachable
from pipeline.feed import FeedError, signed_in

dash.register_page(  # type: ignore[no-untyped-call]
    __name__, path_template="/contacts/<contact_id>", title="Contact · Stagelight"
)
DONE = {
    "add_tag": "Tag added",
    "remove_tag": "Tag removed",
    "opt_out": "Opted out; no automation writes to them",
    "lift_opt_out": "Opt-out lifted",
}


async def layout(contact_id: str = "", before: str = "", **_: str) -> Component:
    """Who it is beside what happened, from the entry that the address names."""
    cursor = read_cursor(before)
    feed = signed_in.get()
    try:
        contact = await feed.contact_details(contact_id)
        if contact is None:
            return missing_contact()
        told = await feed.contact_story(contact_id, cursor)
    except FeedError as error:
        return unreachable(error)
    here = f"/contacts/{contact_id}"
    return html.Div(
        [
            dcc.Store(id="contact-wish"),
            dcc.Store(id="contact-id", data=contact_id),
            html.Div(dcc.Link("Contacts", href="/contacts", className="crumb"), className="crumbs"),
            html.H1(contact["name"] or "No name", dir="auto", tabIndex="-1"),
            html.Div(
                [
                    html.Section(
                        [
                            html.H2("What happened"),
                            story(told["entries"], here, earlier(told), later=cursor is not None),
                        ],
                        className="panel",
                    ),
                    html.Aside(who(contact), id="contact-who"),
                ],
                className="contact-grid",
            ),
        ],
        id="contact-page",
    )


def earlier(told: dict[str, Any]) -> str:
    """The end of the address of the page before this one; empty at the beginning."""
    if not told["more"]:
        return ""
    last = told["entries"][-1]
    return "?" + urlencode({"before": f"{last['at']}|{last['key']}"})


def read_cursor(word: Any) -> tuple[str, str] | None:
    """The entry that a page begins after; None for anything that names none."""
    at, _, key = text(word, 200).partition("|")
    return (at, key) if key and is_moment(at) else None


@callback(
    Output("contact-who", "children"),
    Input("contact-wish", "data"),
    State("contact-id", "data"),
    prevent_initial_call=True,
)
async def change(wish: Any, contact_id: Any) -> Any:
    """A tag was added or removed, or the opt-out changed."""
    if not isinstance(wish, dict) or not isinstance(contact_id, str):
        return no_update
    action, tag = text(wish.get("action")), text(wish.get("tag"), 300).strip() or None
    if action not in DONE:
        return no_update
    feed = signed_in.get()
    with pressed("Reload the page to see it"):
        changed = await feed.change_contacts([contact_id], action, tag)
    toast(DONE[action] if changed else "It was so already; nothing was changed")
    contact = await feed.contact_details(contact_id)
    return who(contact) if contact else no_update
