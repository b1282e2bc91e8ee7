"""This file is where the looks ahead are tried: what a run or typed settings would do."""

import uuid

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
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


def look(world, rule, **arguments):
    return as_owner(world, rule, "preview_rule", p_rule=Jsonb({"id": str(rule["id"])}), **arguments)


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

    assert not asked["page_waits"]
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
    found = look(world, rule, p_search="100% BÖB")
    assert [person["name"] for person in held["people"]] == ["Ben"]
    assert [person["name"] for person in found["people"]] == ["100% Bob"]
    assert (found["matching"], found["contacts"]) == (1, 5)


def test_who_opted_out_comes_last_and_is_marked_whatever_the_reason_given(world):
    page = world.page(world.user(), status="restricted")
    rule = world.rule(page)
    world.contact(page, sender_name="Aaron", opted_out_at=ago(hours=1))
    world.contact(page, sender_name="Zoe")

    people = look(world, rule)["people"]

    assert [(person["name"], person["opted_out"]) for person in people] == [
        ("Zoe", False),
        ("Aaron", True),
    ]
    assert {person["reason_code"] for person in people} == {"page_unavailable"}


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


def test_the_question_says_that_a_stopped_page_is_waited_for(world, rule):
    page = {"id": rule["page_id"]}
    change(world, "facebook_pages", page, status="restricted", paused_until=ago(minutes=-20))
    worker = Worker(world.connection)

    asked = as_owner(world, rule, "run_preview", p_rule_id=rule["id"])
    queued = run_now(world, rule)["queued"]

    assert asked["page_waits"]
    assert queued == asked["queue"] > 0
    assert worker.check() == []
