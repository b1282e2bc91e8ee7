"""This file is where tries to send become rows of the history, and the history's frame."""

from typing import Any

from dash.development.base_component import Component

from pages._components.list_ask import Cursor, ListAsk
from pages._components.list_frame import ANY, Column, choice, day, list_frame, words
from pages._components.timeline import OUTCOMES
from pages._components.words import epoch
from pipeline.history_reads import next_attempt

Row = dict[str, Any]
PER_PAGE = 50
PREVIEW = 160
# The database reads it newest first, and by nothing else.
ORDER = "-started"
ERRORS = {
    "access": "The page’s access to Facebook",
    "contact": "This contact cannot be written to",
    "later": "For now; tried again by itself",
    "doubt": "It may have arrived",
    "message": "Facebook did not take the message",
}
TONES = {"sent": "ok", "failed": "bad", "unknown": "warn", "retry": "warn", "abandoned": ""}
COLUMNS = tuple(
    Column(word)
    for word in ("When", "Contact", "Automation", "Outcome", "Message", "Follow-up", "AI")
)


def history_list(ask: ListAsk, answer: Row, rules: list[Row], pages: list[Row]) -> Component:
    """Filters, table, pager; the rows are drawn by assets/82-lists.js."""
    automations = {rule["id"]: str(rule["name"]) for rule in rules}
    named = {page["id"]: str(page["name"]) for page in pages}
    said = ask.fits.get
    filters = [
        words("history", "q", "Search", "Name, message, error…", said("q", "")),
        choice(
            "history",
            "rule",
            "Automation",
            {ANY: "Any automation", **automations},
            said("rule", ""),
        ),
        choice(
            "history", "outcome", "Outcome", {ANY: "Any outcome", **OUTCOMES}, said("outcome", "")
        ),
        choice("history", "error", "Cause", {ANY: "Any cause", **ERRORS}, said("error", "")),
        choice("history", "page", "Page", {ANY: "Any page", **named}, said("page", "")),
        day("history", "from", "From", said("from", "")),
        day("history", "until", "Until", said("until", "")),
    ]
    return list_frame("history", "History", filters, COLUMNS, answer)


def told(found: Row, ask: ListAsk) -> Row:
    """One page; `next` is what the address then says, `looked` how far back a search came."""
    after = next_attempt(found)
    return {
        "at": ask.at,
        "filtered": bool(ask.fits),
        "left_out": ask.left_out,
        "order": ORDER,
        "rows": [row(attempt) for attempt in found["attempts"]],
        "prev": "first" if ask.cursor else "",
        "next": Cursor(*after).word if after else "",
        "looked": epoch(found["looked_until"]),
    }


def row(attempt: Row) -> Row:
    """One try as the cells of its line."""
    text = attempt["message"] or ""
    name = attempt["name"] or "No name"
    return {
        "id": attempt["id"],
        "name": name,
        "cells": [
            {"at": epoch(attempt["started_at"])},
            {"text": name, "href": f"/contacts/{attempt['contact_id']}", "strong": True},
            {"text": attempt["rule"], "note": attempt["page"]},
            outcome(attempt),
            {
                "text": text if len(text) <= PREVIEW else text[: PREVIEW - 1].rstrip() + "…",
                "note": attempt["error_message"],
            },
            {"text": str(attempt["follow_up"])},
            written(attempt),
        ],
    }


def outcome(attempt: Row) -> Row:
    """What became of it, in a word and its colour; and since when it is delivered or read."""
    name = attempt["outcome"]
    shown: Row = {"pill": OUTCOMES.get(name, name), "tone": TONES.get(name, "")}
    for word, moment in (("Read", attempt["read_at"]), ("Delivered", attempt["delivered_at"])):
        if moment:
            return shown | {"said": word, "at": epoch(moment)}
    return shown


def written(attempt: Row) -> Row:
    """How long the AI took, and how many tokens it read and wrote."""
    took, tokens = attempt["generation_time_ms"], attempt["tokens_in"] or 0
    tokens += attempt["tokens_out"] or 0
    parts = [f"{took / 1000:.1f} s" if took else "", f"{tokens:,} tokens" if tokens else ""]
    return {"text": " · ".join(part for part in parts if part), "mute": True}
