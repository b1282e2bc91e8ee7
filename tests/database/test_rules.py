"""This file is where deleting an automation, its way back, and the looks ahead are tried."""

import uuid
from collections import Counter

import pytest
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


def look(world, rule, **arguments):
    return as_owner(world, rule, "preview_rule", p_rule=Jsonb({"id": str(rule["id"])}), **arguments)


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


@pytest.mark.parametrize("after", ["nothing", "a run", "a send", "a cancel"])
def test_the_number_in_the_question_is_the_number_that_is_queued(world, rule, after):
    change(world, "ai_automation_rules", rule, max_follow_ups=2, exclude_tags=["vip"])
    world.contact({"id": rule["page_id"], "user_id": rule["user_id"]}, tags=["vip"])
    worker = Worker(world.connection)
    if after != "nothing":
        run_now(world, rule)
    if after == "a send":
        worker.check()
        worker.write()
        worker.send(limit=1)
    if after == "a cancel":
        rows = world.rows("select id from public.ai_automation_contact_states limit 2")
        as_owner(world, rule, "cancel_contacts", p_state_ids=[row["id"] for row in rows])

    asked = as_owner(world, rule, "run_preview", p_rule_id=rule["id"])

    assert run_now(world, rule)["queued"] == asked["queue"]
    passed = [row for row in worker.check() if row["stage"] == "eligible"]
    assert after != "nothing" or (asked["queue"], asked["would_send"], len(passed)) == (4, 3, 3)


def test_a_preview_says_what_the_saved_automation_would_do(world, rule):
    change(world, "ai_automation_rules", rule, daily_limit=2)

    said, dry = look(world, rule), as_owner(world, rule, "dry_run", p_rule_id=rule["id"])

    assert {name: said[name] for name in ("contacts", "would_send", "reasons")} == {
        name: dry[name] for name in ("contacts", "would_send", "reasons")
    }
    assert (said["contacts"], said["would_send"], said["matching"]) == (3, 2, 3)


def test_a_preview_of_an_automation_that_is_off_says_so_and_answers_as_if_it_were_on(world, rule):
    change(world, "ai_automation_rules", rule, enabled=False)

    said, dry = look(world, rule), as_owner(world, rule, "dry_run", p_rule_id=rule["id"])

    assert (said["enabled"], said["would_send"]) == (False, 3)
    assert (dry["enabled"], dry["would_send"]) == (False, 3)


def test_a_preview_of_typed_settings_is_what_saving_them_would_give_and_writes_nothing(world, rule):
    page = {"id": rule["page_id"], "user_id": rule["user_id"]}
    world.contact(page, tags=["vip"], last_inbound_at=ago(hours=5))
    before = everything(world)
    typed = {"include_tags": [" VIP "], "wait_minutes": 240, "time_zone": "Asia/Kathmandu"}

    said = as_owner(world, rule, "preview_rule", p_rule=Jsonb({"id": str(rule["id"]), **typed}))

    assert everything(world) == before
    change(world, "ai_automation_rules", rule, **typed)
    dry = as_owner(world, rule, "dry_run", p_rule_id=rule["id"])
    assert said["reasons"] == dry["reasons"]
    assert (said["would_send"], said["contacts"]) == (1, 4)


def test_a_preview_of_an_automation_that_is_not_saved_yet_needs_no_id(world, rule):
    [row] = world.rows(
        "select to_jsonb(r) - '{id,user_id,name}'::text[] as settings"
        " from public.ai_automation_rules as r where id = %s",
        rule["id"],
    )

    said = as_owner(world, rule, "preview_rule", p_rule=Jsonb(row["settings"]))

    assert (said["would_send"], said["contacts"]) == (3, 3)


def test_people_come_by_reason_by_name_and_page_by_page(world):
    page = world.page(world.user())
    rule = world.rule(page, exclude_tags=["vip"])
    names = ["Zoë", "amira", "Émile", "Ben", "100% Bob"]
    for name in names:
        world.contact(page, sender_name=name, tags=["vip"] if name == "Ben" else [])

    first, second = (look(world, rule, p_limit=3, p_offset=offset) for offset in (0, 3))
    listed = [person["name"] for answer in (first, second) for person in answer["people"]]
    assert sorted(listed) == sorted(names)
    assert listed[-1] == "Ben"
    assert first["matching"] == 5

    held = look(world, rule, p_reason="excluded_tag")
    found = look(world, rule, p_search="100%")
    assert [person["name"] for person in held["people"]] == ["Ben"]
    assert [person["name"] for person in found["people"]] == ["100% Bob"]
    assert (found["matching"], found["contacts"]) == (1, 5)


def test_a_stranger_previews_nobody(world, rule):
    stranger = world.user()

    with pytest.raises(Exception, match="does not exist"):
        call_as(world, stranger, "preview_rule", p_rule=Jsonb({"id": str(rule["id"])}))
    said = call_as(
        world,
        stranger,
        "preview_rule",
        p_rule=Jsonb({"page_id": str(rule["page_id"]), "run_24_7": True, "time_zone": "UTC"}),
    )

    assert (said["contacts"], said["people"]) == (0, [])


def test_the_tags_of_a_page_come_with_how_many_have_them(world, rule):
    page = {"id": rule["page_id"], "user_id": rule["user_id"]}
    world.contact(page, tags=["vip", "class"])
    world.contact(page, tags=["class"])

    with world.connection.transaction():
        rows = call(world.connection, "page_tags", p_page_id=rule["page_id"])

    assert [(row["tag"], row["contacts"]) for row in rows] == [("class", 2), ("vip", 1)]


def everything(world):
    return [
        world.rows(f"select t::text from public.{table} as t order by 1")  # noqa: S608
        for table in ("ai_automation_rules", "ai_automation_contact_states", "ai_automation_audit")
    ]


def test_an_id_that_nobody_has_is_refused_like_a_strangers(world, rule):
    with pytest.raises(Exception, match="does not exist"):
        as_owner(world, rule, "preview_rule", p_rule=Jsonb({"id": str(uuid.uuid4())}))
