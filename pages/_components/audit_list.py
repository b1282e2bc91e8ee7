"""This file is where a person's actions become lines of the audit: words, not codes."""

from typing import Any

from dash.development.base_component import Component

from pages._components.causes import cause
from pages._components.list_ask import Cursor, ListAsk
from pages._components.list_frame import ANY, Column, choice, day, list_frame
from pages._components.words import count, epoch, reason
from pipeline.stages import LOOKS, Stage

Row = dict[str, Any]
PER_PAGE = 50
# Newest first, and by nothing else.
ORDER = "-when"
KINDS = {
    "automations": {
        "add_rule": "Added an automation",
        "change_rule": "Changed an automation",
        "switch_on": "Switched an automation on",
        "switch_off": "Switched an automation off",
        "delete_rule": "Deleted an automation",
        "restore_rule": "Took a deletion back",
        "request_run": "Started a run",
        "request_preview": "Asked for a test message",
    },
    "contacts": {
        "import_contacts": "Imported contacts",
        "change_contact": "Changed a contact",
        "cancel_contacts": "Stopped contacts",
        "retry_contacts": "Queued contacts again",
        "bulk_cancel": "Stopped everybody who fits",
        "bulk_retry": "Queued everybody who fits again",
        "bulk_approve": "Approved many messages",
        "stop_bulk": "Stopped an action on many",
        "contacts_add_tag": "Tagged contacts",
        "contacts_remove_tag": "Took a tag from contacts",
        "contacts_opt_out": "Marked contacts as opted out",
        "contacts_lift_opt_out": "Lifted opt-outs",
        "contacts_delete": "Deleted contacts",
        "delete_contact": "Deleted a contact and all that was kept of them",
        "stop_contact_bulk": "Stopped an action on many contacts",
        "export_contacts": "Downloaded the list of contacts",
    },
    "messages": {
        "approve_message": "Approved a message",
        "reject_message": "Rejected a message",
        "export_history": "Downloaded the history of messages",
    },
    "pages": {
        "add_page": "Added a page",
        "change_page": "Changed a page",
        "connect_page": "Connected a page",
        "reconnect_page": "Connected a page again",
        "renew_page_token": "Gave a page a new token",
        "pause_page": "Paused a page",
        "resume_page": "Let a page send again",
        "try_page": "Had a page tried at once",
        "set_page_rate": "Set how fast a page sends",
        "disconnect_page": "Disconnected a page",
        "sync_page": "Had conversations read",
        "page_paused": "A page was stopped",
        "page_resumed": "A page may send again",
        "page_warned": "Facebook warned about a page",
    },
    "settings": {"save_settings": "Changed own settings"},
}
WORDS = {code: words for kind in KINDS.values() for code, words in kind.items()}
# Nobody pressed for these.
BY_ITSELF = frozenset({"page_paused", "page_resumed", "page_warned"})
# What the number beside an action counts, where it is not contacts.
COUNTS = {"set_page_rate": "message a minute"}
COUNTED = {"set_page_rate": "messages a minute"}
# Of a filter, what is told as it stands.
SAID = ("tag", "opted", "window", "outcome", "error", "from", "until")
COLUMNS = tuple(Column(word) for word in ("When", "Who", "What", "Where", "How many", "Exactly"))


def audit_list(ask: ListAsk, answer: Row, rules: list[Row]) -> Component:
    """Filters, table, pager; the rows are drawn by assets/82-lists.js."""
    said = ask.fits.get
    names = {rule["id"]: str(rule["name"]) for rule in rules}
    kinds = {ANY: "Everything", **{kind: kind.capitalize() for kind in KINDS}}
    filters = [
        choice("audit", "kind", "What", kinds, said("kind", "")),
        choice("audit", "rule", "Automation", {ANY: "Any automation", **names}, said("rule", "")),
        day("audit", "from", "From", said("from", "")),
        day("audit", "until", "Until", said("until", "")),
    ]
    return list_frame("audit", "What was done", filters, COLUMNS, answer)


def told(
    found: list[Row], ask: ListAsk, names: dict[str, str], people: dict[int, Row] | None = None
) -> Row:
    """One page; `found` has one row more where there are older ones, `people` are by state."""
    rows = found[:PER_PAGE]
    more = len(found) > PER_PAGE
    return {
        "at": ask.at,
        "filtered": bool(ask.fits),
        "left_out": ask.left_out,
        "order": ORDER,
        "rows": [line(row, names, people or {}) for row in rows],
        "prev": "first" if ask.cursor else "",
        "next": cursor_of(rows[-1]).word if more else "",
    }


def cursor_of(row: Row) -> Cursor:
    """The place after this row; the list's cursors name rows by the shape of a UUID."""
    digits = f"{row['id']:032d}"
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return Cursor(str(row["occurred_at"]), "-".join(parts))


def number_of(cursor: Cursor) -> int:
    """The row's number in such a cursor."""
    digits = cursor.id.replace("-", "")
    return min(int(digits), 2**63 - 1) if digits.isdecimal() else 0


def line(row: Row, names: dict[str, str], people: dict[int, Row]) -> Row:
    """One action as the cells of its line."""
    action, where = row["action"], row["rule_id"] or row["page_id"]
    return {
        "id": row["id"],
        "name": WORDS.get(action, action),
        "cells": [
            {"at": epoch(row["occurred_at"])},
            {"text": "Stagelight" if action in BY_ITSELF else "You"},
            {"text": WORDS.get(action, action.replace("_", " ").capitalize()), "strong": True},
            {"text": names.get(where, "Deleted since") if where else ""},
            whom(people.get(row["detail"].get("state")))
            or {"text": how_many(action, row["affected"])},
            {"text": exactly(row["detail"]), "mute": True},
        ],
    }


def whom(person: Row | None) -> Row | None:
    """The one contact it was about, while there is one."""
    if not person:
        return None
    return {"text": person["sender_name"] or "No name", "href": f"/contacts/{person['id']}"}


def how_many(action: str, affected: int) -> str:
    """3 contacts; nothing where there is nothing to count."""
    if not affected:
        return ""
    one = COUNTS.get(action, "contact")
    return count(affected, one, COUNTED.get(action, ""))


def exactly(detail: Row) -> str:
    """Why, which settings were changed, which tag was given, or whom a filter meant."""
    parts = [str(detail["why"])] if detail.get("why") else []
    if detail.get("changed"):
        parts.append(", ".join(str(name).replace("_", " ") for name in detail["changed"]))
    if detail.get("tag"):
        parts.append(f"tag “{detail['tag']}”")
    if detail.get("tags"):
        parts.append("tags " + ", ".join(f"“{tag}”" for tag in detail["tags"]))
    if isinstance(detail.get("filter"), dict):
        parts.append(_filter(detail["filter"]))
    if "of" in detail:
        parts.append(f"of {detail['of']:,}")
    if detail.get("edited"):
        parts.append("text edited")
    return " · ".join(part for part in parts if part)


def _filter(asked: Row) -> str:
    told = []
    if asked.get("stage") in list(Stage):
        told.append(f"stage {LOOKS[Stage(asked['stage'])].word}")
    if asked.get("search") or asked.get("q"):
        told.append("words that were searched for")
    told += [f"{name} {asked[name]}" for name in SAID if asked.get(name)]
    if asked.get("reason"):
        told.append(f"cause {reason(asked['reason'])}")
    if asked.get("cause") is not None:
        told.append(f"cause {cause(asked['cause'])}")
    return "Filter: " + (", ".join(told) or "none")
