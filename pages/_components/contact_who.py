"""This file is where it is drawn who a contact is, and what their owner can change."""

import time
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.contact_list import WINDOW_SECONDS
from pages._components.moments import when
from pages._components.words import duration, epoch, reason
from pipeline.stages import FINISHED, LOOKS, Stage

Row = dict[str, Any]


def who(contact: Row) -> list[Component]:
    """Facts, tags, opting out, and where they stand in each automation."""
    heard = epoch(contact["last_inbound_at"])
    facts = [
        ("Page", html.Span(contact["page"], dir="auto")),
        ("Sender id", contact["sender_id"]),
        ("Last wrote", when(contact["last_inbound_at"]) if heard else "never"),
        ("Messaging window", _window(heard, time.time())),
        ("Page last wrote", _moment(contact["last_outbound_at"])),
        ("Time zone", contact["time_zone"] or "not known"),
        ("Known since", when(contact["created_at"])),
    ]
    lines = [
        html.Div([html.Dt(name), html.Dd(value)], className="who-fact") for name, value in facts
    ]
    return [
        html.Section(
            [html.H2("Who"), html.Dl(lines, className="who")],
            className="panel",
        ),
        html.Section([html.H2("Tags"), *_tags(contact["tags"])], className="panel"),
        html.Section([html.H2("Opting out"), *_opting_out(contact)], className="panel"),
        html.Section([html.H2("Automations"), *_states(contact["states"])], className="panel"),
    ]


def _window(heard: float | None, now: float) -> Component:
    """What is left of it; assets/82-lists.js goes on counting."""
    if not heard:
        return html.Span("never open")
    left = heard + WINDOW_SECONDS - now
    told = f"{duration(left // 1)} left" if left > 0 else "closed"
    until = attrs({"data-until": str(heard + WINDOW_SECONDS)})
    return html.Span(told, className="list-window" + ("" if left > 0 else " mute"), **until)


def _moment(moment: str | None) -> Any:
    return when(moment) if moment else "never"


def _tags(tags: list[str]) -> list[Component]:
    chips = [
        html.Li(
            [
                html.Span(tag, dir="auto"),
                html.Button(
                    "×",
                    type="button",
                    **attrs({"aria-label": f"Remove tag {tag}", "data-untag": tag}),
                ),
            ]
        )
        for tag in tags
    ]
    return [
        html.Ul(chips, className="chips-line") if chips else html.P("None yet.", className="mute"),
        html.Div(
            [
                html.Label("Add a tag", htmlFor="contact-tag", className="visually-hidden"),
                dbc.Input(id="contact-tag", placeholder="Add a tag…", autocomplete="off"),
                html.Button("Add", className="btn btn-soft", type="button", id="contact-tag-add"),
            ],
            className="who-add",
        ),
        html.P("", id="contact-tag-wrong", className="field-error", role="alert"),
    ]


def _opting_out(contact: Row) -> list[Component]:
    if not contact["opted_out_at"]:
        text = "Automations may write to this contact, within their rules."
        words = (
            "Who sends STOP, or a word that means it such as UNSUBSCRIBE, as the whole message is "
            "opted out by that. A sentence with the word in it, such as “stop please”, does "
            "not do it: opt them out here."
        )
        both = [html.P(each, className="mute") for each in (text, words)]
        return [*both, _button("Opt out", "opt_out")]
    since = when(contact["opted_out_at"])
    if contact["opted_out_by"] == "owner":
        told = html.P(["You opted this contact out: ", since])
        return [told, _button("Lift the opt-out", "lift_opt_out")]
    return [
        html.P(["The contact asked not to be written to: ", since]),
        html.P("Only they can take it back, by writing START.", className="mute"),
    ]


def _button(word: str, act: str) -> Component:
    act_of = attrs({"data-contact-act": act})
    return html.Button(word, className="btn btn-soft", type="button", **act_of)


def _states(states: list[Row]) -> list[Component]:
    if not states:
        return [html.P("In no automation so far.", className="mute")]
    return [html.Ul([_state(state) for state in states], className="who-states")]


def _check(state: Row, name: Stage) -> list[Any]:
    """When the automation looks at a finished contact again, as the monitor says it."""
    at = epoch(state["next_check_at"])
    if not at or name not in FINISHED:
        return []
    return [
        " · next check ",
        when(state["next_check_at"]) if at > time.time() else "is due",
    ]


def _state(state: Row) -> Component:
    name = Stage(state["stage"])
    look = LOOKS[name]
    because = state["error_message"] or ""
    if not because and state["reason_code"]:
        because = reason(state["reason_code"])
    return html.Li(
        [
            dcc.Link(state["rule"], href=f"/automations/{state['rule_id']}/monitor"),
            html.Span(f"{look.icon} {look.word}", className=f"stage-tag st-{name.value}"),
            html.Div(
                [because, " · " if because else "", when(state["at"]), *_check(state, name)],
                className="mute",
            ),
        ]
    )
