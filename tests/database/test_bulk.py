"""This file is where one press acts on many contacts: the number that was shown, batch by batch."""

from itertools import product

import psycopg
import pytest

from pages._components.contact_card import NEVER_HELPED, PAGE_ERRORS, retry_helps
from pipeline.stages import Stage
from tests.builders import ago
from tests.database.acting import Worker, call_as, change, run_now

STATES = "ai_automation_contact_states"


@pytest.fixture
def owner(world):
    return world.user()


@pytest.fixture
def rule(world, owner):
    return world.rule(world.page(owner))


def failed(world, rule, contacts, code="not_accepted"):
    """So many contacts that failed for one cause; their states."""
    for _ in range(contacts):
        world.contact({"id": rule["page_id"], "user_id": rule["user_id"]})
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    jobs = worker.claim("ready_to_send")
    worker.record(
        jobs, "failed", attempt_outcome="failed", error_code=code, error_message=f"Cause {code}."
    )
    return [job["state_id"] for job in jobs]


def stages(world):
    return [
        row["current_stage"]
        for row in world.rows(
            "select current_stage from public.ai_automation_contact_states order by id"
        )
    ]


def test_the_number_shown_is_the_number_acted_on(world, owner, rule):
    failed(world, rule, 5)
    shown = call_as(world, owner, "preview_bulk", p_rule_id=rule["id"], p_action="retry")
    assert stages(world) == ["failed"] * 5

    steps = [call_as(world, owner, "advance_bulk", p_id=shown["id"], p_limit=2) for _ in range(4)]

    assert shown["total"] == 5
    assert [(step["done"], step["changed"], step["ended"]) for step in steps] == [
        (2, 2, False),
        (4, 4, False),
        (5, 5, True),
        (5, 5, True),
    ]
    assert stages(world) == ["queued"] * 5


def test_who_fails_after_the_preview_is_not_touched(world, owner, rule):
    before = failed(world, rule, 2)
    shown = call_as(world, owner, "preview_bulk", p_rule_id=rule["id"], p_action="retry")
    after = failed(world, rule, 2)

    call_as(world, owner, "advance_bulk", p_id=shown["id"])

    assert set(before).isdisjoint(after)
    assert sorted(stages(world)) == ["failed", "failed", "queued", "queued"]


def test_who_has_moved_on_by_itself_is_left_there_and_said(world, owner, rule):
    first, *_ = failed(world, rule, 3)
    shown = call_as(world, owner, "preview_bulk", p_rule_id=rule["id"], p_action="retry")
    call_as(world, owner, "retry_contacts", p_state_ids=[first])
    call_as(world, owner, "cancel_contacts", p_state_ids=[first])
    change(world, STATES, {"id": first}, reason_code="opted_out")

    step = call_as(world, owner, "advance_bulk", p_id=shown["id"])

    assert (step["done"], step["changed"], step["ended"]) == (3, 2, True)
    assert stages(world) == ["skipped", "queued", "queued"]


def test_stopping_ends_it_where_it_is(world, owner, rule):
    failed(world, rule, 4)
    shown = call_as(world, owner, "preview_bulk", p_rule_id=rule["id"], p_action="retry")
    call_as(world, owner, "advance_bulk", p_id=shown["id"], p_limit=1)

    stopped = call_as(world, owner, "stop_bulk", p_id=shown["id"])
    later = call_as(world, owner, "advance_bulk", p_id=shown["id"])

    assert stopped["ended"]
    assert (later["done"], later["changed"]) == (1, 1)
    assert sorted(stages(world)) == ["failed"] * 3 + ["queued"]


def test_a_filter_by_stage_search_and_cause_chooses(world, owner, rule):
    failed(world, rule, 2, "not_accepted")
    failed(world, rule, 3, "outcome_unknown")
    queued = world.contact(
        {"id": rule["page_id"], "user_id": owner["id"]}, sender_name="100 % Zoë_"
    )
    run_now(world, rule)

    def number(action, **choice):
        return call_as(
            world, owner, "preview_bulk", p_rule_id=rule["id"], p_action=action, **choice
        )["total"]

    assert number("retry") == 5
    assert number("retry", p_reason="outcome_unknown") == 3
    assert number("retry", p_search="Cause not_") == 2
    assert number("cancel") == 1
    assert number("cancel", p_search="100 % zoë_", p_stage="queued") == 1
    assert number("cancel", p_stage="eligible") == 0
    assert queued["sender_name"] == "100 % Zoë_"


def test_what_is_offered_to_go_on_has_not_ended_nor_run_out_by_the_databases_clock(
    world, owner, rule
):
    failed(world, rule, 1)
    shown = [
        call_as(world, owner, "preview_bulk", p_rule_id=rule["id"], p_action="retry")["id"]
        for _ in range(3)
    ]
    call_as(world, owner, "stop_bulk", p_id=shown[1])
    change(world, "bulk_actions", {"id": shown[2]}, touched_at=ago(minutes=60))

    offered = world.rows("select id from public.open_bulk_actions where rule_id = %s", rule["id"])

    assert [str(row["id"]) for row in offered] == [shown[0]]


@pytest.mark.parametrize("choice", [{"p_action": "delete"}, {"p_action": "retry", "p_stage": "x"}])
def test_nonsense_is_told_apart_from_nothing(world, owner, rule, choice):
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        call_as(world, owner, "preview_bulk", p_rule_id=rule["id"], **choice)


def test_a_stranger_can_neither_look_nor_go_on_nor_stop(world, owner, rule):
    failed(world, rule, 1)
    shown = call_as(world, owner, "preview_bulk", p_rule_id=rule["id"], p_action="retry")
    stranger = world.user()

    for function, names in [
        ("preview_bulk", {"p_rule_id": rule["id"], "p_action": "retry"}),
        ("advance_bulk", {"p_id": shown["id"]}),
        ("stop_bulk", {"p_id": shown["id"]}),
    ]:
        with pytest.raises(psycopg.ProgrammingError, match=r"does not exist|has run out"):
            call_as(world, stranger, function, **names)
    assert stages(world) == ["failed"]


def test_page_and_database_agree_where_a_retry_helps(world, owner):
    reasons = [None, "cancelled", "rejected", "stopped", "replied", "waiting"]
    errors = [None, "not_accepted", "outcome_unknown", *NEVER_HELPED, *PAGE_ERRORS]
    cases = [*product(Stage, reasons, errors, ["active", "token_invalid", "restricted"])]

    answers = world.rows(
        "select public.retry_helps(c.stage::public.automation_stage, c.reason, c.error, c.status)"
        " as it"
        " from unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
        " with ordinality as c (stage, reason, error, status, place) order by c.place",
        *(list(column) for column in zip(*cases, strict=True)),
    )

    assert [row["it"] for row in answers] == [retry_helps(*case) for case in cases]
