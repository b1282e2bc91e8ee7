"""This file is where an approval says what is so: sent now, waiting for its page, or not at all."""

import psycopg
import pytest

from tests.builders import ago
from tests.database.acting import Worker, call_as, change, run_now
from tests.misfits import CASES

STATES = "ai_automation_contact_states"
# What became so while the message waited: the row, what changed, and what an approval answers.
IN_THE_WAY = {
    "the automation is off": ("ai_automation_rules", {"enabled": False}, "rule_disabled"),
    "they said stop": ("contacts", {"opted_out_at": ago()}, "opted_out"),
    "they have replied": ("contacts", {"last_inbound_at": ago(hours=-1)}, "replied"),
    "the window is over": ("contacts", {"last_inbound_at": ago(hours=25)}, "window_closed"),
    "they have the wrong tag": ("contacts", {"tags": ["vip"]}, "excluded_tag"),
    "all follow-ups were sent": (STATES, {"follow_up_count": 3}, "max_follow_ups_reached"),
    "nothing": ("contacts", {}, None),
}
PAGE_RESTS = {
    "Facebook slows it": ({"paused_until": ago(hours=-1)}, "page_unavailable"),
    "its owner paused it": ({"paused_at": ago()}, "page_paused"),
}


@pytest.fixture
def rule(world):
    return world.rule(
        world.page(world.user()),
        review_before_send=True,
        stop_on_reply=True,
        exclude_tags=["vip"],
        max_follow_ups=3,
    )


@pytest.fixture
def contact(world, rule):
    """Its message is written and waits for review."""
    contact = world.contact({"id": rule["page_id"], "user_id": rule["user_id"]})
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    return contact


@pytest.fixture
def state(world, contact):
    [state] = world.rows(f"select * from public.{STATES} where contact_id = %s", contact["id"])  # noqa: S608
    return state


def approve(world, rule, state, text=None):
    asked = {"p_state_id": state["id"], "p_text": text}
    return call_as(world, {"id": rule["user_id"]}, "approve_message", **asked)


def now(world, state):
    [state] = world.rows(f"select * from public.{STATES} where id = %s", state["id"])  # noqa: S608
    return state


@pytest.mark.parametrize("why", IN_THE_WAY)
def test_an_approval_that_sends_nothing_says_so_and_changes_nothing(
    world, rule, contact, state, why
):
    table, values, reason = IN_THE_WAY[why]
    row = {"ai_automation_rules": rule, "contacts": contact, STATES: state}[table]
    if values:
        change(world, table, row, **values)
    before = now(world, state)

    told = approve(world, rule, state, "Other words")

    if reason is None:
        assert told == {"approved": True}
        assert now(world, state)["generated_message"] == "Other words"
        assert now(world, state)["approved_at"] is not None
        return
    assert (told["approved"], told["reason_code"]) == (False, reason)
    assert told["reason"]
    assert now(world, state) == before
    assert (
        world.rows("select 1 from public.ai_automation_audit where action like 'approve%%'") == []
    )
    # It is as the worker then does it.
    Worker(world.connection).claim("ready_to_send")
    after = now(world, state)
    assert (after["current_stage"], after["reason_code"]) == ("skipped", reason)


@pytest.mark.parametrize("why", PAGE_RESTS)
def test_an_approval_for_a_page_that_rests_waits_for_it(world, rule, state, why):
    values, reason = PAGE_RESTS[why]
    change(world, "facebook_pages", {"id": rule["page_id"]}, **values)

    told = approve(world, rule, state)

    assert (told["approved"], told["reason_code"]) == (True, reason)
    worker = Worker(world.connection)
    assert worker.claim("ready_to_send") == []
    change(world, "facebook_pages", {"id": rule["page_id"]}, paused_at=None, paused_until=None)
    assert len(worker.claim("ready_to_send")) == 1


def test_a_text_that_cannot_be_sent_is_refused_in_words(world, rule, state):
    before = now(world, state)
    refused = {}

    for text, code in CASES:
        if not code or not text.strip(" \t\r\n"):
            continue
        with pytest.raises(psycopg.errors.InvalidParameterValue) as told:
            approve(world, rule, state, text)
        refused.setdefault(code, set()).add(told.value.diag.message_primary[:25])
        assert told.value.diag.message_hint

    assert refused == {
        "text_empty": {"Nothing of this message ca"[:25]},
        "text_too_long": {"The message is too long f"},
        "text_garbled": {"The message has signs tha"},
    }
    assert now(world, state) == before
    for text in (text for text, code in CASES if not code):
        assert approve(world, rule, state, text)["approved"], ascii(text)


def test_what_is_stored_and_unfit_is_not_approved_by_saying_nothing_else(world, rule, state):
    change(world, STATES, state, generated_message="\u200b\u200d")

    for text in (None, "", "  \n"):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="Nothing of this"):
            approve(world, rule, state, text)
    assert approve(world, rule, state, "Hello")["approved"]


def test_one_press_for_many_leaves_out_what_would_not_be_sent(world, rule):
    page = {"id": rule["page_id"], "user_id": rule["user_id"]}
    names = ("Fits", "Unfit", "Opted out", "Over")
    people = {name: world.contact(page, sender_name=name) for name in names}
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    owner = {"id": rule["user_id"]}
    asked = {"p_rule_id": rule["id"], "p_action": "approve"}
    shown = call_as(world, owner, "preview_bulk", **asked)
    assert shown["total"] == len(names)
    change(world, "contacts", people["Opted out"], opted_out_at=ago())
    change(world, "contacts", people["Over"], last_inbound_at=ago(hours=30))
    world.connection.execute(
        f"update public.{STATES} set generated_message = %s where contact_id = %s",  # noqa: S608
        ["\u200b", people["Unfit"]["id"]],
    )

    step = call_as(world, owner, "advance_bulk", p_id=shown["id"])

    assert (step["done"], step["changed"]) == (len(names), 1)
    [approved] = world.rows(
        f"select contact_id from public.{STATES} where approved_at is not null"  # noqa: S608
    )
    assert approved["contact_id"] == people["Fits"]["id"]
