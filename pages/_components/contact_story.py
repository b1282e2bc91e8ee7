"""This file is where what happened to a contact is told, entry by entry, newest first."""

from collections.abc import Callable
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.moments import when
from pages._components.timeline import OUTCOMES
from pages._components.words import duration, reason
from pipeline.stages import LOOKS, Stage

Row = dict[str, Any]


def story(entries: list[Row], here: str, earlier: str, *, later: bool) -> Component:
    """`here` is the contact's address, `earlier` the end of the next page's, if there is one."""
    if not entries:
        return html.P("Nothing has happened yet.", className="mute")
    links = [("Newest", here)] if later else []
    links += [("Earlier", here + earlier)] if earlier else []
    return html.Div(
        [
            html.Ol([KINDS[entry["kind"]](entry) for entry in entries], className="story"),
            html.Nav(
                [dcc.Link(word, href=href, className="btn btn-soft") for word, href in links],
                className="pager",
                hidden=not links,
                **attrs({"aria-label": "Pages of the history"}),
            ),
        ]
    )


def _entry(kind: str, top: list[Any], entry: Row, *more: Any) -> Component:
    line = html.Div(
        [html.Span(top, className="story-what"), when(entry["at"])], className="step-top"
    )
    return html.Li([line, *[part for part in more if part]], className=f"story-entry {kind}")


def _rule(entry: Row) -> Component:
    return dcc.Link(
        entry["rule"], href=f"/automations/{entry['rule_id']}/monitor", className="mute story-rule"
    )


def _stage(entry: Row) -> Component:
    name = Stage(entry["stage"])
    look = LOOKS[name]
    because = reason(entry["reason_code"]) if entry["reason_code"] else look.meaning
    stay = f" · after {duration(entry['seconds'])}" if entry["seconds"] else ""
    by = " · by a person" if entry["by"] == "person" else ""
    icon = html.Span(f"{look.icon} ", **attrs({"aria-hidden": "true"}))
    text = html.P(f"{because}{stay}{by}", className="mute step-text")
    top = [icon, html.Strong(look.word), " · ", _rule(entry)]
    return _entry(f"st-{name.value} stage-entry", top, entry, text)


def _attempt(entry: Row) -> Component:
    word = OUTCOMES.get(entry["outcome"], entry["outcome"])
    took, tokens = entry["generation_time_ms"], entry["tokens"]
    facts = [
        f"follow-up {entry['follow_up']}",
        f"written in {took / 1000:.1f} s" if took else "",
        f"{tokens:,} tokens" if tokens else "",
    ]
    seen = [
        [f"{told} ", when(entry[moment])]
        for told, moment in (("Delivered", "delivered_at"), ("Read", "read_at"))
        if entry[moment]
    ]
    told_facts: list[Any] = [" · ".join(fact for fact in facts if fact)]
    for part in seen:
        told_facts += [" · ", *part]
    return _entry(
        "attempt-entry" + (" good" if entry["outcome"] == "sent" else ""),
        [html.Strong(f"Message: {word}"), " · ", _rule(entry)],
        entry,
        html.P(told_facts, className="mute step-text"),
        _words("try-error", entry["error_message"]),
        _words("contact-message", entry["text"]),
    )


def _message(entry: Row) -> Component:
    who = "The contact wrote" if entry["direction"] == "in" else "The page wrote"
    return _entry(
        f"said-entry {entry['direction']}",
        [html.Strong(who)],
        entry,
        _words("contact-message", entry["text"]),
    )


def _opt_out(entry: Row) -> Component:
    by = "You opted this contact out" if entry["by"] == "owner" else "Opted out by the contact"
    return _entry("optout-entry", [html.Strong(by)], entry)


def _words(look: str, text: str | None) -> Component | None:
    return html.P(text, className=look, dir="auto") if text else None


KINDS: dict[str, Callable[[Row], Component]] = {
    "stage": _stage,
    "attempt": _attempt,
    "message": _message,
    "opt_out": _opt_out,
}
