"""This file is where the banners of all monitors become lines of /system, so that none is missing.

Whoever adds a banner to pages/_components/alerts.py adds its line here; a test compares the two.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pages._components.alerts import TO_PAGES, about_quota, sending_held
from pages._components.page_card import problems
from pages._components.words import count

Row = dict[str, Any]
WORST_FIRST = ("bad", "warn", "info")
OFF = "No run of it starts until it is switched on."
OFF_MANY = "No run of them starts until they are switched on."


def standing(rules: Sequence[Row], pages: Sequence[Row], workers: Row, now: float) -> list[Row]:
    """Lines with tone, title, text and the names they are about; the worst first.

    That no worker runs is a line of the workers themselves: system_view.problems.
    """
    held = sending_held({"workers": workers})
    found = [held, *of_pages(pages, now), quota(rules, now), failures(rules)]
    found += [reviews(rules), off(rules)]
    lines = [line for line in found if line]
    return sorted(lines, key=lambda line: WORST_FIRST.index(line["tone"]))


def of_pages(pages: Iterable[Row], now: float) -> list[Row]:
    """What is wrong with pages, as their cards say it; the same trouble of many is one line."""
    alike: dict[tuple[str, str, str], Row] = {}
    for page in pages:
        runs = any(rule["enabled"] for rule in page["automations"])
        for problem in problems(page, now):
            # Nobody is surprised by a disconnected page, unless something should be sent by it.
            tone = "bad" if page["disconnected_at"] and runs else problem["tone"]
            line = alike.setdefault(
                (tone, problem["title"], problem["text"]),
                {**problem, "tone": tone, "names": [], "link": TO_PAGES},
            )
            if line["names"]:
                line.pop("since", None)
            line["names"].append(page["name"])
    return list(alike.values())


def quota(rules: Sequence[Row], now: float) -> Row | None:
    """Google writes nothing more today, for these."""
    waits = [rule for rule in rules if about_quota(rule.get("ai_quota_until"), now)]
    if not waits:
        return None
    told = about_quota(max(rule["ai_quota_until"] for rule in waits), now)
    return {**(told or {}), **_of(waits)}


def failures(rules: Sequence[Row]) -> Row | None:
    """How many failed; their monitors say why and what to do about it."""
    met = [rule for rule in rules if rule.get("failed")]
    if not met:
        return None
    contacts = sum(rule["failed"] for rule in met)
    told = f"{count(contacts, 'contact')} failed within a day"
    text = "The monitor names each cause and what to do."
    return {"tone": "warn", "title": told, "text": text, **_of(met, "?stage=failed")}


def reviews(rules: Sequence[Row]) -> Row | None:
    """Messages that a person must look at before they go out."""
    asked = [rule for rule in rules if rule.get("to_review")]
    if not asked:
        return None
    waiting = sum(rule["to_review"] for rule in asked)
    told = f"{count(waiting, 'message')} {'waits' if waiting == 1 else 'wait'} for your approval"
    return {"tone": "info", "title": told, "text": "", **_of(asked, "?stage=ready_to_send")}


def off(rules: Sequence[Row]) -> Row | None:
    """Automations that start nothing."""
    idle = [rule for rule in rules if not rule["enabled"]]
    if not idle:
        return None
    told = f"{count(len(idle), 'automation')} switched off"
    return {"tone": "info", "title": told, "text": OFF if len(idle) == 1 else OFF_MANY, **_of(idle)}


def _of(rules: Sequence[Row], more: str = "") -> Row:
    """Their names; and the way to what is meant, or to the list where there are several."""
    monitor = {"word": "Open its monitor", "href": f"/automations/{rules[0]['id']}/monitor{more}"}
    link = monitor if len(rules) == 1 else {"word": "Open the list", "href": "/"}
    return {"names": [str(rule["name"]) for rule in rules], "link": link}


def when_of(line: Row) -> tuple[str, float] | None:
    """Since when, or until when, with the word for it."""
    until = line.get("until") or line.get("on")
    if until:
        return (line.get("word") or "until", until)
    return ("since", line["since"]) if line.get("since") else None
