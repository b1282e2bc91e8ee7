"""This file is where deleting an automation, and its way back, are tried."""

from collections import Counter

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, change, run_now


@pytest.fixture
def rule(world):
    """An automation that is on, with three contacts."""
    page = world.page(world.user())
    rule = world.rule(page)
    for hours in (1, 2, 3):
        world.contact(page, last_inbound_at=ago(hours=hours))
    return rule


def as_owner(world, rule, function, **arguments):
    return call_as(world, {"id": rule["user_id"]}, function, **arguments)


def delete(world, rule):
    return as_owner(world, rule, "delete_rule", p_rule_id=rule["id"])


def restore(world, rule):
    return as_owner(world, rule, "restore_rule", p_rule_id=rule["id"])


def stages(world, rule):
    rows = world.rows(
        "select current_stage::text as stage from public.ai_automation_contact_states"
        " where rule_id = %s order by 1",
        rule["id"],
    )
    return [row["stage"] for row in rows]


def seen_by_owner(world, rule):
    """How many rows of the automation its owner finds, in every view and table that names it."""
    found = {}
    with world.connection.transaction():
        world.connection.execute("set local role authenticated")
        claims = Jsonb({"sub": str(rule["user_id"]), "role": "authenticated"})
        world.connection.execute(
            "select set_config('request.jwt.claims', %s::text, true)", [claims]
        )
        for view in (
            "active_automation_contacts",
            "automation_stage_summary",
            "automation_live_stats",
            "automation_candidates",
        ):
            found[view] = len(
                world.rows(f"select 1 from public.{view} where rule_id = %s", rule["id"])  # noqa: S608
            )
        found["rules"] = len(
            world.rows("select 1 from public.ai_automation_rules where id = %s", rule["id"])
        )
    return found


def test_a_deleted_automation_is_seen_by_nobody_and_does_nothing(world, rule):
    run_now(world, rule)
    assert all(seen_by_owner(world, rule).values())

    delete(world, rule)

    assert not any(seen_by_owner(world, rule).values())
    assert as_owner(world, rule, "monitor_snapshot", p_rule_id=rule["id"]) is None
    change(world, "ai_automation_rules", rule, next_run_at=ago(hours=1))
    assert call(world.connection, "enqueue_due_contacts")[0]["enqueue_due_contacts"]["rules"] == 0
    worker = Worker(world.connection)
    assert {row["reason_code"] for row in worker.check()} == {"rule_disabled"}
    for function, more in (
        ("request_run", {}),
        ("set_rule_enabled", {"p_enabled": True}),
        ("delete_rule", {}),
        ("preview_rule", {"p_rule": Jsonb({"id": str(rule["id"])})}),
    ):
        arguments = more if "p_rule" in more else {"p_rule_id": rule["id"], **more}
        with pytest.raises(Exception, match="does not exist"):
            as_owner(world, rule, function, **arguments)


def test_contacts_of_a_deleted_automation_can_neither_be_moved_nor_looked_at(world, rule):
    change(world, "ai_automation_rules", rule, review_before_send=True)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write(limit=1)
    bulk = as_owner(world, rule, "preview_bulk", p_rule_id=rule["id"], p_action="cancel")
    [ready] = world.rows(
        "select id from public.ai_automation_contact_states where current_stage = 'ready_to_send'"
    )
    before = stages(world, rule)
    delete(world, rule)

    for function, arguments in (
        ("approve_message", {"p_state_id": ready["id"]}),
        ("reject_message", {"p_state_id": ready["id"]}),
        ("cancel_contacts", {"p_state_ids": [ready["id"]]}),
        ("retry_contacts", {"p_state_ids": [ready["id"]]}),
        ("preview_bulk", {"p_rule_id": rule["id"], "p_action": "cancel"}),
        ("advance_bulk", {"p_id": bulk["id"]}),
        ("stop_bulk", {"p_id": bulk["id"]}),
    ):
        with pytest.raises(
            psycopg.ProgrammingError, match=r"does not exist|has run out"
        ) as refusal:
            as_owner(world, rule, function, **arguments)
        assert refusal.value.sqlstate == "PT404"

    assert as_owner(world, rule, "contact_timeline", p_state_id=ready["id"]) is None
    assert as_owner(world, rule, "run_preview", p_rule_id=rule["id"]) is None
    assert as_owner(world, rule, "deletion_preview", p_rule_id=rule["id"]) is None
    assert stages(world, rule) == before


@pytest.mark.parametrize("enabled", [True, False])
def test_taking_a_deletion_back_leaves_everything_as_it_was(world, enabled):
    page = world.page(world.user())
    rule = world.rule(page, enabled=True)
    waiting, checked = world.contact(page), world.contact(page)
    run_now(world, rule)
    change(world, "ai_automation_rules", rule, enabled=enabled)
    delete(world, rule)
    # A worker comes by while it is deleted, and puts one of them aside.
    Worker(world.connection).check(limit=1)
    assert sorted(stages(world, rule)) == ["queued", "skipped"]

    answer = restore(world, rule)

    [after] = world.rows("select * from public.ai_automation_rules where id = %s", rule["id"])
    assert after["enabled"] is enabled
    assert after["deleted_at"] is None
    assert answer["queued"] == (1 if enabled else 0)
    assert all(seen_by_owner(world, rule).values())
    if enabled:
        decided = Worker(world.connection).check()
        assert [row["stage"] for row in decided] == ["eligible", "eligible"]
    assert waiting["id"] != checked["id"]


def test_the_books_stay_true_through_a_deletion_and_its_way_back(world):
    page = world.page(world.user())
    rule = world.rule(page, max_follow_ups=2)
    for hours in range(1, 13):
        world.contact(page, last_inbound_at=ago(hours=hours))
    worker = Worker(world.connection)
    run_now(world, rule)
    worker.check(limit=10)
    worker.write(limit=8)
    worker.send(limit=3)
    writing = worker.claim("eligible", limit=1)
    delete(world, rule)
    worker.check()
    worker.write()
    worker.send()
    worker.record(writing, "ready_to_send", generated_message="Late, but written.")

    restore(world, rule)
    worker.check()
    worker.write()
    worker.send()

    states = world.rows(books.STATES, rule["id"])
    assert len(states) == 12
    assert Counter(state["current_stage"] for state in states) == {"sent": 12}
    for check in (books.check_flow, books.check_runs, books.check_histories, books.check_attempts):
        check(world, rule, states)
    books.check_counts(world, rule)


def test_only_the_owner_deletes_and_takes_back(world, rule):
    stranger = world.user()

    for function in ("delete_rule", "restore_rule"):
        with pytest.raises(Exception, match=r"does not exist|too late"):
            call_as(world, stranger, function, p_rule_id=rule["id"])
        delete(world, rule) if function == "delete_rule" else None

    assert world.rows("select 1 from public.ai_automation_rules where deleted_at is not null")


def test_a_minute_later_it_is_gone_in_portions_and_the_contacts_stay(world, rule):
    run_now(world, rule)
    delete(world, rule)
    assert call(world.connection, "remove_deleted_rules")[0]["remove_deleted_rules"] == 0
    restore(world, rule)
    delete(world, rule)
    change(world, "ai_automation_rules", rule, deleted_at=ago(minutes=2))

    gone = [
        call(world.connection, "remove_deleted_rules", p_limit=2)[0]["remove_deleted_rules"]
        for _ in range(3)
    ]

    assert gone == [2, 1, 0]
    assert world.rows("select 1 from public.ai_automation_rules where id = %s", rule["id"]) == []
    assert len(world.rows("select 1 from public.contacts")) == 3
    with pytest.raises(Exception, match="too late"):
        restore(world, rule)


def test_maintain_removes_what_was_deleted(world, rule):
    delete(world, rule)
    change(world, "ai_automation_rules", rule, deleted_at=ago(minutes=2))

    call(world.connection, "maintain")

    assert world.rows("select 1 from public.ai_automation_rules where id = %s", rule["id"]) == []


def test_deleting_names_what_goes(world, rule):
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write(limit=1)
    worker.send()

    said = as_owner(world, rule, "deletion_preview", p_rule_id=rule["id"])

    assert said == {"name": rule["name"], "contacts": 3, "in_flight": 2, "runs": 1, "sent": 1}


def test_an_undo_and_the_removal_never_meet_halfway(database, world, rule):
    run_now(world, rule)
    delete(world, rule)
    change(world, "ai_automation_rules", rule, deleted_at=ago(minutes=3))
    contacts = len(stages(world, rule))
    with psycopg.connect(database.dsn(), autocommit=True, row_factory=dict_row) as another:
        another.execute("set lock_timeout = '1s'")
        with world.connection.transaction():
            # What restore_rule does first; its transaction may be older than the removal's clock.
            world.rows("select id from public.ai_automation_rules for no key update")
            [beside] = call(another, "remove_deleted_rules", p_limit=1)
            kept = len(stages(world, rule))
        [partial] = call(another, "remove_deleted_rules", p_limit=1)
        with pytest.raises(Exception, match="too late"):
            restore(world, rule)
        for _ in range(contacts):
            call(another, "remove_deleted_rules", p_limit=1)

    assert (beside["remove_deleted_rules"], kept) == (0, contacts)
    assert partial["remove_deleted_rules"] == 1
    assert contacts > 1
    assert world.rows("select id from public.ai_automation_rules") == []


def test_undo_ends_before_anything_is_removed(world, rule):
    delete(world, rule)
    change(world, "ai_automation_rules", rule, deleted_at=ago(seconds=61))

    call(world.connection, "remove_deleted_rules", p_limit=1)
    with pytest.raises(Exception, match="too late"):
        restore(world, rule)

    assert world.rows("select 1 from public.ai_automation_rules where id = %s", rule["id"])
