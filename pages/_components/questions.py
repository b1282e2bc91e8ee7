"""This file is where it is said what a press would do, before it does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components.words import count

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A title, what would happen, and the word on the button; no word: there is nothing to do."""

    act: str
    title: str
    body: Sequence[Component]
    yes: str


def about_running(found: Row) -> Question:
    """How many contacts would be queued; the number is the one that is then queued."""
    if found.get("page_held"):
        text = (
            f"Its page is {found['page_held']}. Nothing starts before that is changed, under Pages."
        )
        return Question("run", f"Run “{found['name']}” now?", [html.P(text)], "")
    queue, would_send, in_flight = found["queue"], found["would_send"], found["in_flight"]
    if not found["enabled"]:
        text = "This automation is off. Switch it on first; a dry run works meanwhile."
        return Question("run", f"Run “{found['name']}” now?", [html.P(text)], "")
    body: list[Component] = [
        html.P([html.Strong(count(queue, "contact")), " would be queued now."])
    ]
    if not queue:
        body = [html.P("Nobody can be queued now. A dry run shows why, contact by contact.")]
    elif found.get("page_waits"):
        text = "Its page cannot send at the moment. They wait in the queue and are checked then."
        body.append(html.P(text))
    else:
        held = queue - would_send
        body.append(html.Ul([html.Li(line) for line in _split(would_send, held)]))
    if in_flight:
        body.append(html.P(f"{in_flight:,} already on the way are left as they are."))
    yes = f"Queue {count(queue, 'contact')}" if queue else ""
    return Question("run", f"Run “{found['name']}” now?", body, yes)


def about_deleting(found: Row) -> Question:
    """What goes: contacts on the way, progress, history; and what stays."""
    goes = [
        (found["in_flight"], "on the way: their messages are not sent", "contact"),
        (found["contacts"], "with progress: follow-ups sent, waits, stops", "contact"),
        (found["runs"], "in its history", "run"),
        (found["sent"], "in its history", "sent message"),
    ]
    lines = [html.Li(f"{count(number, what)} {where}") for number, where, what in goes if number]
    stays = "The contacts themselves and their conversations stay. You can undo for 10 seconds."
    body = (
        [html.P("With the automation go:"), html.Ul(lines), html.P(stays)]
        if lines
        else [html.P("It has written to nobody yet. You can undo for 10 seconds.")]
    )
    return Question("delete", f"Delete “{found['name']}”?", body, "Delete")


def _split(would_send: int, held: int) -> list[str]:
    lines = [f"{would_send:,} would get a message"] if would_send else []
    return [*lines, f"{held:,} would be checked and skipped, with the reason"] if held else lines
