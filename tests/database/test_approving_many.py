"""This file is where one press approves the messages that were read before it, and no other."""

import psycopg
import pytest

from tests.builders import ago
from tests.database.acting import Worker, call_as, change, run_now

STATES = "ai_automation_contact_states"


@pytest.fixture
def owner(world):
    return world.user()


@pytest.fixture
def rule(world, owner):
    return world.rule(world.page(owner), review_before_send=True)


def written(world, rule, *names):
    """The contacts' messages are written and wait for review; by name."""
    page = {"id": rule["page_id"], "user_id": rule["user_id"]}
    for hours, name in enumerate(names, 2):
        world.contact(page, sender_name=name, last_inbound_at=ago(hours=hours))
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    rows = world.rows(
        f"select s.*, c.sender_name from public.{STATES} as s"  # noqa: S608
        " inner join public.contacts as c on c.id = s.contact_id"
    )
    return {row["sender_name"]: row for row in rows}


def approved(world):
    rows = world.rows(
        f"select c.sender_name as name from public.{STATES} as s"  # noqa: S608
        " inner join public.contacts as c on c.id = s.contact_id where s.approved_at is not null"
    )
    return {row["name"] for row in rows}


def preview(world, owner, rule, **choice):
    asked = {"p_rule_id": rule["id"], "p_action": "approve", **choice}
    return call_as(world, owner, "preview_bulk", **asked)


def test_exactly_the_texts_that_were_listed_are_approved_whose_window_closes_first_first(
    world, owner, rule
):
    states = written(world, rule, "Ana", "Ben", "Zoë")

    shown = preview(world, owner, rule)
    assert shown["messages"] == [[name, "See you Saturday?"] for name in ("Zoë", "Ben", "Ana")]
    assert (shown["total"], shown["waiting"]) == (3, 3)
    # Written anew, rejected, and new since: none of these was read.
    change(world, STATES, states["Ben"], stage_entered_at=ago(hours=-1))
    late = written(world, rule, "Late")["Late"]
    step = call_as(world, owner, "advance_bulk", p_id=shown["id"], p_limit=1)
    assert (step["done"], step["changed"]) == (1, 1)
    assert approved(world) == {"Zoë"}

    step = call_as(world, owner, "advance_bulk", p_id=shown["id"])

    assert (step["done"], step["changed"], step["ended"]) == (3, 2, True)
    assert approved(world) == {"Zoë", "Ana"}
    assert late["approved_at"] is None
    assert {job["contact_name"] for job in Worker(world.connection).claim("ready_to_send")} <= {
        *("Zoë", "Ana")
    }
    [line] = world.rows(
        "select affected, detail -> 'of' as counted from public.ai_automation_audit"
        " where action = 'bulk_approve'"
    )
    assert line == {"affected": 2, "counted": 3}


def test_only_what_waits_for_review_is_listed_and_no_more_than_can_be_read(world, owner, rule):
    written(world, rule, "Ana", "Ben")
    ready = [f"Person {number}" for number in range(101)]
    for search in ("ben", "BÉN"):
        assert preview(world, owner, rule, p_search=search)["messages"][0][0] == "Ben"
    assert preview(world, owner, rule, p_stage="queued")["total"] == 0
    written(world, rule, *ready[:20])
    world.connection.execute(
        "insert into public.contacts (user_id, page_id, sender_id, sender_name, last_inbound_at)"
        " select %s, %s, 1000 + n, 'More ' || n, now() - interval '1 hour'"
        " from generate_series(1, 90) as n",
        [owner["id"], rule["page_id"]],
    )
    written(world, rule)

    shown = preview(world, owner, rule)

    assert (len(shown["messages"]), shown["total"], shown["waiting"]) == (100, 100, 112)
    with pytest.raises(psycopg.ProgrammingError, match="does not exist"):
        preview(world, world.user(), rule)
    change(world, "ai_automation_rules", rule, review_before_send=False)
    assert preview(world, owner, rule)["total"] == 0
