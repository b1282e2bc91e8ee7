"""This file is where the form of an automation is drawn: every setting, grouped as one thinks."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.field import field, minutes, number, switch, tags, text, times
from pages._components.rule_fields import (
    DAILY_LIMIT,
    FOLLOW_UPS,
    NAME_MOST,
    PROMPT_MOST,
    RUN_EVERY_MINUTES,
    WAIT_MINUTES,
    WORD_MOST,
    zones,
)
from pages._components.words import DAYS
from pipeline.prices import PRICES

Values = dict[str, Any]
LANGUAGES = (
    *("English", "German", "French", "Spanish", "Portuguese", "Italian", "Dutch", "Polish"),
    *("Turkish", "Arabic", "Hindi", "Bengali", "Tagalog", "Indonesian", "Vietnamese", "Thai"),
    *("Japanese", "Korean", "Chinese", "Russian", "Ukrainian", "Greek"),
)


def rule_form(values: Values, saved: Values, pages: list[Values], person: str = "") -> Component:
    """`values` as `rule_fields.shown` gives them; `saved` is empty for a new automation.

    The browser keeps what is typed under the person's id, so that nobody else finds it.
    """
    title = saved.get("name") or "New automation"
    return html.Div(
        [
            dcc.Store(id="rule-saved", data=saved),
            *[
                dcc.Store(id=f"rule-{name}")
                for name in ("typed", "draft", "who", "errors", "leave")
            ],
            html.Div(id="rule-mark", hidden=True),
            html.Div(id="typed-mark", hidden=True),
            html.Div(
                [
                    dcc.Link("Automations", href="/", className="crumb"),
                ],
                className="crumbs",
            ),
            html.H1(title, id="rule-title", dir="auto"),
            html.Div(id="rule-kept", className="notice", role="status", hidden=True),
            html.Div(id="rule-conflict", **attrs({"aria-live": "assertive"})),
            html.Div([_fields(values, saved, pages), _aside()], className="form-grid"),
            _bar(saved),
        ],
        id="rule-form",
        **attrs(
            {"data-person": person, "data-rule": str(saved.get("id", "new"))}
            | ({} if saved else {"data-new": ""})
        ),
    )


def _fields(values: Values, saved: Values, pages: list[Values]) -> Component:
    return html.Div(
        [
            _section("Automation", _what(values, saved, pages)),
            _section("Whom", _whom(values)),
            _section("When", _when(values)),
            _section("How often", _how_often(values)),
            _section("What it says", _message(values)),
        ],
        className="form-fields",
    )


def _section(title: str, inside: list[Component]) -> Component:
    return html.Section([html.H2(title), *inside], className="panel form-section")


def _what(values: Values, saved: Values, pages: list[Values]) -> list[Component]:
    choices = [{"value": page["id"], "label": page["name"]} for page in pages]
    page = dbc.Select(
        id="rule-page_id", options=choices, value=values["page_id"], disabled=bool(saved)
    )
    about = "It cannot change later: contacts belong to a page." if not saved else ""
    if not pages:
        first = dcc.Link("Connect a page first", href="/pages", id="rule-no-page")
        page = html.Div([page, first], className="no-page")
    return [
        text("name", "Name", values, most=NAME_MOST, hint="Only you see it."),
        field("page_id", "Facebook page", page, about),
    ]


def _whom(values: Values) -> list[Component]:
    modes = [
        {"value": "any", "label": "any of these tags"},
        {"value": "all", "label": "all of these tags"},
    ]
    mode = dbc.RadioItems(
        id="rule-include_mode", options=modes, value=values["include_mode"], inline=True
    )
    return [
        html.Datalist(id="page-tags"),
        tags("include_tags", "Contacts with", values, "No tag: every contact of the page."),
        html.Div(
            mode, className="field tight", role="group", **attrs({"aria-label": "Any or all"})
        ),
        tags("exclude_tags", "But never with", values, "One of these is enough to leave out."),
    ]


def _when(values: Values) -> list[Component]:
    days = dbc.Checklist(
        id="rule-active_days",
        options=[{"value": day, "label": name} for day, name in enumerate(DAYS, 1)],
        value=values["active_days"],
        inline=True,
        class_name="days",
    )
    zone = dbc.Input(id="rule-time_zone", value=values["time_zone"], list="zone-names")
    every_zone = html.Datalist([html.Option(value=name) for name in zones()], id="zone-names")
    return [
        switch("run_24_7", "Around the clock, every day", values),
        html.Div(
            [
                field("active_days", "Days", days, group=True),
                html.Div(
                    [times("active_from", "From", values), times("active_until", "Until", values)],
                    className="field-row",
                ),
            ],
            id="rule-hours",
        ),
        field(
            "time_zone",
            "Time zone",
            zone,
            "Type a city. Used for contacts whose own zone is not known, and for the daily limit.",
        ),
        every_zone,
        html.P("", id="stale-week", className="stale", role="status"),
        html.Div(id="rule-week", className="week-place"),
    ]


def _how_often(values: Values) -> list[Component]:
    return [
        minutes(
            "wait",
            "Wait after the last message",
            values,
            WAIT_MINUTES,
            "In either direction. Facebook's window closes 24 hours after the contact wrote.",
        ),
        html.Div(
            [
                number("max_follow_ups", "Follow-ups per contact", values, FOLLOW_UPS),
                number("daily_limit", "Messages a day, all contacts", values, DAILY_LIMIT),
            ],
            className="field-row",
        ),
        switch("stop_on_reply", "Stop when the contact replies", values),
        minutes("every", "Look for contacts every", values, RUN_EVERY_MINUTES),
        text(
            "run_at",
            "Or only at these times",
            values,
            most=200,
            hint="Such as 09:00, 17:30, in the time zone above. Empty: as often as said above.",
        ),
    ]


def _message(values: Values) -> list[Component]:
    prompt = dbc.Textarea(id="rule-prompt", value=values["prompt"], rows=7, class_name="prompt")
    about = f"What the message should do, in your words; at most {PROMPT_MOST:,} characters."
    return [
        field("prompt", "Prompt", prompt, about),
        html.Div(
            [
                text(
                    "language",
                    "Language",
                    values,
                    most=WORD_MOST,
                    hint="Empty: the contact's own.",
                    offers=LANGUAGES,
                ),
                text(
                    "model",
                    "Google AI model",
                    values,
                    most=WORD_MOST,
                    hint="Empty: the default one.",
                    offers=tuple(PRICES),
                ),
            ],
            className="field-row",
        ),
        switch("review_before_send", "I approve each message before it goes out", values),
    ]


def _aside() -> Component:
    return html.Aside(
        [
            html.Section(
                [
                    html.H2("Right now"),
                    html.P("", id="stale-count", className="stale", role="status"),
                    html.Div(_lines(), id="rule-count", **attrs({"aria-live": "polite"})),
                ],
                className="panel",
            ),
            html.Section([html.H2("Test message"), *_test()], className="panel test-panel"),
        ],
        className="form-aside",
        **attrs({"aria-label": "What it would do"}),
    )


def _lines() -> list[Component]:
    """A skeleton in the size of what comes."""
    return [html.Div(className=f"bone {size}") for size in ("big", "", "", "")]


def _test() -> list[Component]:
    return [
        dcc.Store(id="test-asked"),
        dcc.Interval(id="test-tick", interval=700, disabled=True),
        html.P("Google AI writes to one contact, with the prompt as typed. It is not sent."),
        html.P(
            "The sandbox's AI writes sample texts; a real key writes from your prompt.",
            className="mute only-sandbox",
        ),
        html.Label("Search a contact", htmlFor="test-search", className="label"),
        dbc.Input(
            id="test-search",
            type="search",
            placeholder="Any name",
            debounce=400,
            autocomplete="off",
            maxlength=200,
        ),
        html.Label("Write to", htmlFor="test-contact", className="label"),
        dbc.Select(id="test-contact", options=[]),
        html.Button(
            "✍️ Write a test message", id="test-write", className="btn btn-soft", type="button"
        ),
        html.Div(id="test-mark", hidden=True),
        html.Div(id="test-result", **attrs({"aria-live": "polite"})),
    ]


def _bar(saved: Values) -> Component:
    save = html.Button(
        "Save" if saved else "Save, switched off",
        id="rule-save",
        className="btn btn-primary" if saved else "btn btn-soft",
        type="button",
        title="Ctrl+S",
    )
    start = html.Button(
        "Save and switch on",
        id="rule-start",
        className="btn btn-primary",
        type="button",
        hidden=bool(saved),
    )
    return html.Div(
        [
            html.Span("", id="rule-state", className="mute", role="status"),
            dcc.Link("Cancel", href="/", className="btn btn-soft", id="rule-cancel"),
            save,
            start,
        ],
        className="form-bar",
    )
