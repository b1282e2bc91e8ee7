"""This file is where contacts are served: the list, and below it the import from a CSV file."""

import asyncio
from typing import Any

import dash
from dash import (
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    dcc,
    html,
    no_update,
    set_props,
)
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.contact_list import ORDERS, PER_PAGE, contact_list, told
from pages._components.errors import or_problem
from pages._components.list_ask import ListAsk
from pages._components.list_frame import heading
from pages._components.monitor_frame import unreachable
from pages._components.words import count
from pages._many import many
from pipeline.contact_file import EXAMPLE
from pipeline.feed import FeedError, signed_in
from pipeline.looking import CONTACT_FILTERS

dash.register_page(__name__, path="/contacts", title="Contacts · Stagelight")  # type: ignore[no-untyped-call]
# The browser refuses larger ones without a word, so the message of the file reader gets its chance.
UPLOAD_BYTES = 9 * 1024 * 1024


async def layout(**given: str) -> Component:
    """The list as the address asks for it; choose a page and a file, read what became of it."""
    ask = ListAsk.of(given, CONTACT_FILTERS, tuple(ORDERS))
    try:
        answer, (pages, numbers), open_bulks = await asyncio.gather(
            look(ask), _pages(), signed_in.get().open_bulks()
        )
    except FeedError as error:
        return unreachable(error)
    choices = [(page["id"], words(page, numbers)) for page in pages]
    return html.Div(
        [
            heading("Contacts", "/contacts.csv", _to_import()),
            contact_list(ask, answer, pages),
            *many(open_bulks),
            html.Div(id="sheets"),
            html.Section(
                [
                    html.H2("Import from a CSV file", tabIndex="-1"),
                    *(_form(choices) if choices else _no_page()),
                ],
                className="panel import",
                id="import",
            ),
            html.Div(id="import-result", **attrs({"aria-live": "polite"})),
        ],
        id="contacts-page",
    )


async def look(ask: ListAsk) -> dict[str, Any]:
    """One page of the list; a page before a row is read backwards from it."""
    order = ask.order
    if ask.cursor and ask.cursor.back:
        order = order.removeprefix("-") if order.startswith("-") else f"-{order}"
    after = ask.cursor.pair if ask.cursor else None
    found = await signed_in.get().list_contacts(ask.fits, order, after, PER_PAGE)
    return told(found, ask)


clientside_callback(
    ClientsideFunction("lists", "contacts"),
    Output("contacts-mark", "children"),
    Input("contacts-answer", "data"),
)


@callback(
    Output("contacts-answer", "data"), Input("contacts-ask", "data"), prevent_initial_call=True
)
async def show(wish: Any) -> Any:
    """The filter, the order or the page was changed."""
    ask = ListAsk.of(wish, CONTACT_FILTERS, tuple(ORDERS))
    return {"at": ask.at, **await or_problem(look(ask))}


def words(page: dict[str, Any], numbers: dict[str, int]) -> str:
    """What stands on the button of a page: its name and how many contacts it has."""
    return f"{page['name']} · {count(numbers[page['id']], 'contact')}"


async def _pages() -> tuple[list[dict[str, Any]], dict[str, int]]:
    feed = signed_in.get()
    return await feed.pages(), await feed.contacts_by_page()


def _form(choices: list[tuple[str, str]]) -> list[Component]:
    return [
        html.P(
            "Known contacts are updated: tags are added, later messages move the date forward. "
            "First you see what would happen; nothing is written until you say so."
        ),
        dcc.Store(id="import-page", data=choices[0][0]),
        dcc.Store(id="import-done"),
        html.Div(id="import-counted", hidden=True),
        html.Div(id="import-mark", hidden=True),
        html.Div("Facebook page", className="label", id="import-page-label"),
        html.Div(
            [_choice(*choice, chosen=choice == choices[0]) for choice in choices],
            className="choices",
            role="group",
            **attrs({"aria-labelledby": "import-page-label"}),
        ),
        html.Div("File", className="label"),
        _upload(),
        _example(),
    ]


def _to_import() -> Component:
    """The import stands below a long list; this leads there."""
    return html.Button("Import CSV", id="to-import", className="btn btn-soft", type="button")


def _upload() -> Component:
    button = html.Button(
        "Choose a file", id="import-choose", className="btn btn-primary", type="button"
    )
    limits = html.Span(" or drop it here. UTF-8, at most 8 MB, 50,000 lines.")
    return dcc.Upload(
        html.Div([button, limits], className="drop"),
        id="import-file",
        accept=".csv,text/csv,text/plain",
        max_size=UPLOAD_BYTES,
        multiple=False,
        className="upload",
        className_active="upload over",
    )


def _example() -> Component:
    return html.Details(
        [
            html.Summary("What the file looks like"),
            html.Pre(
                f"{EXAMPLE}\n24680135791,Jane Smith,asked;class,Europe/Berlin,"
                "2026-11-22T09:30:00+01:00\n24680135792,محمد العلي,asked,Asia/Dubai,",
            ),
            html.P(
                "sender_id is the contact's id for this page. Tags stand between ; or |, or "
                "between commas if the cell is in quotation marks: no tag has a comma. A "
                "moment without a zone is taken as UTC. Only sender_id is needed.",
                className="mute",
            ),
        ]
    )


def _choice(page_id: str, words: str, *, chosen: bool) -> Component:
    pressed = {"data-page-id": page_id, "aria-pressed": "true" if chosen else "false"}
    return html.Button(
        words,
        id=f"page-{page_id}",
        className="btn btn-soft choice",
        type="button",
        dir="auto",
        **attrs(pressed),
    )


def _no_page() -> list[Component]:
    return [
        html.P("Connect a Facebook page first; contacts belong to a page.", className="mute"),
        dcc.Link("Connect a page", href="/pages", className="btn btn-primary"),
    ]


clientside_callback(
    ClientsideFunction("contacts", "name"),
    Output("import-mark", "children"),
    Input("import-page", "data"),
)


clientside_callback(
    ClientsideFunction("importing", "chosen"),
    Input("import-file", "contents"),
    State("import-file", "filename"),
    State("import-page", "data"),
)


@callback(
    Output("import-counted", "children"), Input("import-done", "data"), prevent_initial_call=True
)
async def recount(_: Any) -> Any:
    """Writes the new numbers of contacts beside the pages' names."""
    try:
        pages, numbers = await _pages()
    except FeedError:
        return no_update  # the report says what went in; the numbers can wait for the next visit
    for page in pages:
        set_props(f"page-{page['id']}", {"children": words(page, numbers)})
    return no_update
