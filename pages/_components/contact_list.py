"""This file is where contacts of the database become rows of the list, and the list's frame."""

from typing import Any

from dash.development.base_component import Component

from pages._components.list_ask import Cursor, ListAsk
from pages._components.list_frame import ANY, Column, choice, list_frame, words
from pages._components.words import epoch

Row = dict[str, Any]
PER_PAGE = 50
WINDOW_SECONDS = 24 * 3600
ORDERS = {
    "-heard": "Last wrote first",
    "heard": "Longest silent first",
    "name": "Name, A to Z",
    "-name": "Name, Z to A",
    "-added": "Newest first",
    "added": "Oldest first",
}
OPTED = {"yes": "Opted out", "no": "Not opted out"}
WINDOWS = {"open": "Window open", "closed": "Window closed", "never": "Never wrote"}
COLUMNS = (
    Column("Name", "name", "name"),
    Column("Page"),
    Column("Tags"),
    Column("Last wrote", "heard", "-heard"),
    Column("Window"),
    Column("Opted out"),
    Column("Time zone"),
    Column("Added", "added", "-added"),
)
BY = {"contact": "by the contact", "owner": "by you"}


def contact_list(ask: ListAsk, answer: Row, pages: list[Row]) -> Component:
    """Filters, table, pager; the rows are drawn by assets/82-lists.js."""
    named = {page["id"]: str(page["name"]) for page in pages}
    filters = [
        words("contacts", "q", "Search contacts", "Name or sender id…", ask.fits.get("q", "")),
        choice("contacts", "page", "Page", {ANY: "Any page", **named}, ask.fits.get("page", "")),
        words("contacts", "tag", "Tag", "Tag…", ask.fits.get("tag", "")),
        choice(
            "contacts",
            "opted",
            "Opted out",
            {ANY: "Any opt-out", **OPTED},
            ask.fits.get("opted", ""),
        ),
        choice(
            "contacts",
            "window",
            "Messaging window",
            {ANY: "Any window", **WINDOWS},
            ask.fits.get("window", ""),
        ),
        choice("contacts", "order", "Order", ORDERS, ask.order),
    ]
    return list_frame("contacts", "Contacts", filters, COLUMNS, answer, pick=True)


def told(found: Row, ask: ListAsk) -> Row:
    """One page of the list; `prev` and `next` are what the address then says, if there is more."""
    contacts = found["contacts"]
    back = ask.cursor is not None and ask.cursor.back
    if back:
        contacts = contacts[::-1]
    earlier = found["more"] if back else ask.cursor is not None
    later = True if back else found["more"]
    return {
        "at": ask.at,
        "total": found["total"],
        "capped": found["capped"],
        "filtered": bool(ask.fits),
        "left_out": ask.left_out,
        "order": ask.order,
        "rows": [row(contact) for contact in contacts],
        "prev": _cursor(contacts[0]).word if earlier and contacts else "",
        "next": _cursor(contacts[-1]).word if later and contacts else "",
    }


def _cursor(contact: Row) -> Cursor:
    return Cursor(str(contact["key"]), contact["id"])


def row(contact: Row) -> Row:
    """One contact as the cells of its line."""
    heard = epoch(contact["last_inbound_at"])
    return {
        "id": contact["id"],
        "name": contact["name"] or "No name",
        "cells": [
            {
                "text": contact["name"] or "No name",
                "href": f"/contacts/{contact['id']}",
                "note": contact["sender_id"],
                "strong": True,
            },
            {"text": contact["page"]},
            {"tags": contact["tags"]},
            {"at": heard} if heard else {"text": "never", "mute": True},
            {"until": heard + WINDOW_SECONDS} if heard else {"text": "never open", "mute": True},
            opted_out(contact),
            {"text": contact["time_zone"] or ""},
            {"at": epoch(contact["created_at"])},
        ],
    }


def opted_out(contact: Row) -> Row:
    """By whom and since when; an opt-out of before that was noted was the contact's own."""
    if not contact["opted_out_at"]:
        return {"text": ""}
    by = BY.get(contact["opted_out_by"] or "contact", "")
    return {
        "pill": f"Opted out {by}".rstrip(),
        "tone": "warn",
        "at": epoch(contact["opted_out_at"]),
    }
