"""This file is where an automation is made and changed."""

from datetime import UTC, datetime
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, html
from dash import no_update as unchanged
from dash.development.base_component import Component

from pages import _test_message
from pages._components.conflict import changed_meanwhile, not_saved
from pages._components.errors import before_saving_again, toast
from pages._components.look_ahead import now_count, write_to
from pages._components.missing import missing_automation
from pages._components.monitor_frame import unreachable
from pages._components.rule_fields import FIELD_OF, NEW, Reading, read, shown
from pages._components.rule_form import rule_form
from pages._components.week import week
from pipeline.feed import FeedError, signed_in
from pipeline.preferences import chosen_defaults
from pipeline.rule_actions import SETTINGS

dash.register_page(  # type: ignore[no-untyped-call]
    __name__, path_template="/automations/<rule_id>", title="Automation · Stagelight"
)
# The callbacks of the test message belong to this page; importing them registers them.
TEST_MESSAGE = _test_message.ask
NAMES = SETTINGS.split(",")
# The control of each field: its id, and the property that holds what was typed.
CONTROLS = {
    "name": "value",
    "page_id": "value",
    "include_tags": "data",
    "include_mode": "value",
    "exclude_tags": "data",
    "run_24_7": "value",
    "active_days": "value",
    "active_from": "value",
    "active_until": "value",
    "time_zone": "value",
    "wait": "value",
    "wait_unit": "value",
    "max_follow_ups": "value",
    "daily_limit": "value",
    "stop_on_reply": "value",
    "every": "value",
    "every_unit": "value",
    "run_at": "value",
    "prompt": "value",
    "language": "value",
    "model": "value",
    "review_before_send": "value",
}
# What decides who gets a message; the others change only what it says.
WHO = set(NAMES) - {"name", "prompt", "language", "model", "review_before_send"}

CLOCKS = {"active_from", "active_until", "time_zone"}


async def layout(rule_id: str = "", **_: str) -> Component:
    """The form, filled in; a 404 for an automation that is not yours."""
    feed = signed_in.get()
    try:
        saved = {} if rule_id == "new" else await feed.rule(rule_id)
        pages = await feed.pages()
        new = saved or await fresh()
    except FeedError as error:
        return unreachable(error)
    if saved is None:
        return missing_automation()
    rule = saved or {**new, "page_id": pages[0]["id"] if pages else ""}
    return rule_form(shown(rule), saved, pages, feed.person)


def typed_of(values: list[Any]) -> dict[str, Any]:
    """What the controls hold, by field; a duration is its number and its unit."""
    typed = dict(zip(CONTROLS, values, strict=True))
    for name in ("wait", "every"):
        typed[name] = [typed[name], typed.pop(f"{name}_unit")]
    return typed


def saved_of(claim: Any) -> dict[str, Any] | None:
    """What the browser says was saved: a whole automation, or empty for a new one.

    None for anything between, such as from before an upgrade: it would be made anew.
    """
    if not claim:
        return {}
    whole = isinstance(claim, dict) and {"id", "updated_at", *NAMES} <= set(claim)
    return claim if whole else None


def controls(kind: Any) -> list[Any]:
    """Every control of the form, as Input or State."""
    return [kind(f"rule-{name}", prop) for name, prop in CONTROLS.items()]


def is_changed(reading: Reading, saved: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether what is typed differs from what is saved, or from an untouched new form."""
    before = read(shown({**(saved or new), "page_id": ""})).settings
    # A new one has no name yet, and begins on any page and in the reader's own zone.
    untold = {"page_id"} if saved else {"page_id", "name", "time_zone"}
    return bool(set(reading.errors) - untold) or any(
        before.get(name) != value
        for name, value in reading.settings.items()
        if name not in untold or (name == "name" and value)
    )


async def fresh() -> dict[str, Any]:
    """What a new automation begins with for this person."""
    try:
        return {**NEW, **chosen_defaults(await signed_in.get().settings())}
    except FeedError:
        return NEW


# What is typed is judged when the typing pauses, but saved as it stands at the press.
clientside_callback(
    ClientsideFunction("ruleForm", "typed"),
    Output("typed-mark", "children"),
    *controls(Input),
)
clientside_callback(
    ClientsideFunction("ruleForm", "apply"),
    Output("rule-mark", "children"),
    Input("rule-draft", "data"),
    Input("rule-errors", "data"),
    Input("rule-include_tags", "data"),
    Input("rule-exclude_tags", "data"),
    Input("rule-leave", "data"),
)


@callback(
    Output("rule-draft", "data"),
    Output("rule-week", "children"),
    Output("rule-who", "data"),
    Input("rule-typed", "data"),
    Input("rule-saved", "data"),
    State("rule-who", "data"),
    prevent_initial_call=True,
)
async def judge(typed: Any, saved: Any, who: Any) -> Any:
    """After every change: what is wrong, the week, and whether the count must be made anew."""
    saved = saved_of(saved)
    if saved is None or not isinstance(typed, list) or len(typed) != len(CONTROLS):
        return unchanged, unchanged, unchanged
    reading = read(typed_of(typed))
    settings = reading.settings
    wanted = who_of(reading, saved)
    draft = {
        "errors": reading.errors,
        "warnings": reading.warnings,
        "changed": is_changed(reading, saved, {} if saved else await fresh()),
        "run_24_7": settings["run_24_7"],
        "uncountable": wanted is None,
        "unpictured": bool(CLOCKS & set(reading.errors)),
        "saved_at": saved.get("updated_at", ""),
    }
    drawn = week(settings, datetime.now(UTC)) if not draft["unpictured"] else unchanged
    return draft, drawn, unchanged if wanted in (None, who) else wanted


def who_of(reading: Reading, saved: dict[str, Any]) -> dict[str, Any] | None:
    """The settings that choose contacts; None while one of them cannot be read."""
    chosen = {name: value for name, value in reading.settings.items() if name in WHO}
    if set(chosen) != WHO or set(reading.errors) & (WHO | {"wait", "every"}):
        return None
    return {**chosen, **({"id": saved["id"]} if saved else {})}


@callback(
    Output("rule-count", "children"),
    Output("test-contact", "options"),
    Output("test-contact", "value"),
    Input("rule-who", "data"),
    Input("test-search", "value"),
    State("test-contact", "value"),
    prevent_initial_call=True,
)
async def count_now(who: Any, search: Any, contact_id: Any) -> Any:
    """How many would get a message with the settings as typed; whom a test may be written to."""
    if not isinstance(who, dict):
        return unchanged, unchanged, unchanged
    text = str(search or "")[:200].replace("\x00", "")
    try:
        found = await signed_in.get().preview_rule(who, search=text)
    except FeedError as error:
        if error.signed_out:
            raise
        told = html.P([error.message, " ", error.hint], className="mute")
        return told, unchanged, unchanged
    options = write_to(found["people"])
    known = [option["value"] for option in options if not option["disabled"]]
    chosen = contact_id if contact_id in known else next(iter(known), None)
    if dash.ctx.triggered_id == "test-search":
        return unchanged, options, chosen
    return now_count(found, saved="id" in who), options, chosen


@callback(Output("page-tags", "children"), Input("rule-page_id", "value"))
async def offer_tags(page_id: Any) -> Any:
    """The tags that the page's contacts have, as suggestions."""
    if not page_id:
        return []
    try:
        known = await signed_in.get().page_tags(str(page_id))
    except FeedError:
        return []  # suggestions only
    return [html.Option(value=row["tag"], label=f"{row['contacts']:,}") for row in known]


@callback(
    Output("rule-errors", "data"),
    Output("rule-conflict", "children"),
    Output("rule-saved", "data"),
    Output("rule-leave", "data"),
    Input("rule-save", "n_clicks"),
    Input("rule-start", "n_clicks"),
    *controls(State),
    State("rule-saved", "data"),
    prevent_initial_call=True,
)
async def save(*values: Any) -> Any:
    """Saves what can be read; anything else is said at its field, and nothing typed is lost."""
    _, _, *typed, claim = values
    saved = saved_of(claim)
    if saved is None:
        text = (
            "Nothing was saved, because this form is of an older version. Copy what you need first."
        )
        return {"errors": {}}, not_saved("Reload the page", text), unchanged, unchanged
    reading = read(typed_of(typed))
    if reading.errors:
        return {"errors": reading.errors}, [], unchanged, unchanged
    try:
        if saved:
            return await change(saved, reading.settings)
        return await create(reading.settings, start=dash.ctx.triggered_id == "rule-start")
    except FeedError as error:
        return refused(error)


async def create(settings: dict[str, Any], *, start: bool) -> Any:
    """A new automation, on if it was asked for; then back to the list, where its card is."""
    rule = await signed_in.get().create_rule(settings)
    name, told = rule["name"], "It is off: look at a dry run, then switch it on."
    if start:
        try:
            await signed_in.get().set_rule_enabled(rule["id"], True)
            told = "It is on."
        except FeedError as error:
            told = f"It is off, because: {error.message}"
    toast(f"Saved “{name}”", told)
    return {"errors": {}}, [], unchanged, {"to": "/"}


async def change(saved: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Changes it, unless somebody else changed it since this form read it."""
    feed = signed_in.get()
    rule = await feed.change_rule(saved["id"], settings, saved["updated_at"])
    if rule is None:
        now = await feed.rule(saved["id"])
        if now is None:
            text = "Somebody deleted it. What you typed is still here: copy what you need."
            return {"errors": {}}, not_saved("This automation is gone", text), unchanged, unchanged
        if any(now[name] != saved[name] for name in NAMES):
            return {"errors": {}}, changed_meanwhile(saved, now), now, unchanged
        # Only its switch or its schedule moved.
        rule = await feed.change_rule(saved["id"], settings, now["updated_at"])
    if rule is None:
        return {"errors": {}}, not_saved("Not saved", "Try again."), unchanged, unchanged
    toast("Saved")
    return {"errors": {}}, [], {name: rule[name] for name in saved}, unchanged


def refused(error: FeedError) -> Any:
    """What the database said no to, at the field that it concerns."""
    field = FIELD_OF.get(error.constraint) or ("time_zone" if "time zone" in error.message else "")
    if field:
        errors = {field: "The database does not take this value."}
        return {"errors": errors}, [], unchanged, unchanged
    told = not_saved(error.message, f"Nothing you typed is lost. {before_saving_again(error)}")
    return {"errors": {}}, told, unchanged, unchanged
