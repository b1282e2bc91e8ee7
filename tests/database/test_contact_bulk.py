"""This file is where an owner changes many contacts, and reads the whole story of one."""

from collections import Counter

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now


def preview(world, owner, action, tag=None, ids=None, **fits):
    return call_as(
        world,
        owner,
        "preview_contact_bulk",
        p_action=action,
        p_tag=tag,
        p_filter=None if ids is not None else Jsonb(fits),
        p_contact_ids=ids,
    )


def finish(world, owner, bulk, limit=3):
    done = {"ended": False}
    while not done["ended"]:
        done = call_as(world, owner, "advance_bulk", p_id=bulk["id"], p_limit=limit)
    return done


def of(world, owner):
    return {
        row["sender_name"]: row
        for row in world.rows("select * from public.contacts where user_id = %s", owner["id"])
    }


@pytest.fixture
def town(world):
    world.owner = world.user()
    page = world.page(world.owner)
    for number in range(10):
        world.contact(page, sender_name=f"Person {number}", tags=["old"] if number < 4 else [])
    world.theirs = world.contact(world.page(world.user()), sender_name="Person of another")
    return world


def test_exactly_the_counted_ones_are_changed_in_batches_and_it_is_written_down(town):
    owner = town.owner
    bulk = preview(town, owner, "add_tag", " VIP ", q="person", named="Person 1")
    assert (bulk["total"], bulk["others"], bulk["tag"]) == (10, 0, "vip")
    page = town.rows("select * from public.facebook_pages where user_id = %s", owner["id"])[0]
    town.contact(page, sender_name="Person who came later")

    done = finish(town, owner, bulk)

    assert (done["done"], done["changed"]) == (10, 10)
    people = of(town, owner)
    assert {name for name, row in people.items() if "vip" in row["tags"]} == {
        f"Person {number}" for number in range(10)
    }
    assert preview(town, owner, "add_tag", "vip")["total"] == 1
    removed = preview(town, owner, "remove_tag", "OLD")
    assert (removed["total"], removed["others"]) == (4, 7)
    change(town, "contacts", people["Person 1"], tags=[])
    assert finish(town, owner, removed)["changed"] == 3
    written = town.rows(
        "select action, affected as n, detail - 'bulk_id' as more from public.ai_automation_audit"
        " where user_id = %s order by action",
        owner["id"],
    )
    # Nobody's name is written down.
    assert [tuple(row.values()) for row in written] == [
        ("contacts_add_tag", 10, {"filter": {"q": True}, "tag": "vip"}),
        ("contacts_remove_tag", 3, {"filter": {}, "tag": "old", "of": 4}),
    ]
    assert town.rows("select tags from public.contacts where id = %s", town.theirs["id"])[0] == {
        "tags": []
    }


def test_an_owner_lifts_what_the_owner_set_and_nothing_that_the_contact_said(town):
    owner, people = town.owner, of(town, town.owner)
    said = people["Person 0"]
    change(town, "contacts", said, opted_out_at=ago(hours=1), opted_out_by="contact")
    old = people["Person 1"]
    change(town, "contacts", old, opted_out_at=ago(days=9), opted_out_by=None)

    out = preview(town, owner, "opt_out", ids=[row["id"] for row in people.values()])
    assert (out["total"], out["others"]) == (8, 2)
    finish(town, owner, out)
    assert {row["opted_out_by"] for row in of(town, owner).values()} == {"owner", "contact", None}
    back = preview(town, owner, "lift_opt_out")
    assert back["total"] == 8
    assert finish(town, owner, back)["changed"] == 8

    left = {name for name, row in of(town, owner).items() if row["opted_out_at"]}
    assert left == {"Person 0", "Person 1"}


def test_the_deleted_are_gone_and_do_not_come_back_by_import(town):
    owner, people = town.owner, of(town, town.owner)
    some = [people[f"Person {number}"]["id"] for number in range(4)]

    gone = preview(town, owner, "delete", ids=some)
    assert finish(town, owner, gone)["changed"] == 4

    assert set(of(town, owner)) == {f"Person {number}" for number in range(4, 10)}
    back = [{"sender_id": people["Person 0"]["sender_id"]}]
    page_id = people["Person 0"]["page_id"]
    told = call_as(town, owner, "import_contacts", p_page_id=page_id, p_contacts=Jsonb(back))
    assert told["imported"] == 0
    assert len(told["rejected"]) == 1


def test_it_can_be_stopped_runs_out_and_is_nobody_elses(town):
    owner, stranger = town.owner, town.user()
    bulk = preview(town, owner, "add_tag", "x")
    call_as(town, owner, "advance_bulk", p_id=bulk["id"], p_limit=3)
    with pytest.raises(psycopg.Error, match="run out"):
        call_as(town, stranger, "advance_bulk", p_id=bulk["id"], p_limit=3)
    assert call_as(town, owner, "stop_bulk", p_id=bulk["id"])["done"] == 3
    call_as(town, owner, "stop_bulk", p_id=bulk["id"])
    assert finish(town, owner, bulk)["changed"] == 3
    with pytest.raises(psycopg.Error, match="does not exist"):
        preview(town, owner, "opt_out", ids=[town.theirs["id"]])
    again = preview(town, owner, "opt_out")
    call_as(town, owner, "advance_bulk", p_id=again["id"], p_limit=2)
    change(town, "bulk_actions", again, touched_at=ago(hours=2))
    with pytest.raises(psycopg.Error, match="run out"):
        finish(town, owner, again)
    for _ in range(2):
        call(town.connection, "forget_bulks")
    # What was done is written down, never what was meant to be; also of one that was left halfway.
    written = town.rows(
        "select action, affected, (detail ->> 'of')::int as total from public.ai_automation_audit"
        " where user_id = %s order by id",
        owner["id"],
    )
    assert [tuple(row.values()) for row in written] == [
        ("contacts_add_tag", 3, 10),
        ("stop_contact_bulk", 0, None),
        ("contacts_opt_out", 2, 10),
    ]
    for wrong in (("shout", None), ("add_tag", " "), ("add_tag", "x" * 101), ("add_tag", "a,b")):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            preview(town, owner, *wrong)


def test_a_long_one_goes_on_as_long_as_somebody_goes_on_and_is_then_forgotten(town):
    owner = town.owner
    bulks = [preview(town, owner, "add_tag", tag) for tag in ("x", "y", "z")]
    unused, half, whole = bulks
    for bulk in (half, whole):
        change(town, "bulk_actions", bulk, created_at=ago(hours=3))
        call_as(town, owner, "advance_bulk", p_id=bulk["id"], p_limit=3)
    finish(town, owner, whole)
    for bulk, hours in ((unused, 2), (half, 2), (whole, 25)):
        change(town, "bulk_actions", bulk, touched_at=ago(hours=hours))
    call(town.connection, "maintain")

    [left] = town.rows("select id, done, contact_ids, ended_at from public.bulk_actions")

    assert str(left["id"]) == half["id"]
    assert (left["done"], left["contact_ids"]) == (3, [])
    assert left["ended_at"]


def lived(world):
    """A contact of two automations to whom nearly everything has happened."""
    owner = world.user()
    page = world.page(owner)
    rules = [world.rule(page, name=name) for name in ("First", "Second")]
    contact = world.contact(page)
    said = {"direction": "in", "said_at": ago(hours=3)}
    for number in range(5):
        owned = {"user_id": owner["id"], "contact_id": contact["id"]}
        world.insert("public.contact_messages", body=f"Words {number}", **owned, **said)
    for rule in rules:
        run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    worker.send()
    finish(world, owner, preview(world, owner, "opt_out"))
    return owner, contact


def told(world, person, contact, before=None, limit=200):
    return call_as(
        world,
        person,
        "contact_story",
        p_contact_id=contact["id"],
        p_before=Jsonb(before) if before else None,
        p_limit=limit,
    )


def test_the_story_of_a_contact_is_told_over_all_automations_page_by_page(world):
    owner, contact = lived(world)

    at_once = told(world, owner, contact)

    kinds = [entry["kind"] for entry in at_once["entries"]]
    assert not at_once["more"]
    # Both automations end with the opt-out.
    assert Counter(kinds) == {"opt_out": 1, "stage": 16, "attempt": 2, "message": 5}
    assert "opt_out" in kinds[:3]
    assert kinds[-5:] == ["message"] * 5
    assert {entry.get("rule") for entry in at_once["entries"]} == {"First", "Second", None}
    part = told(world, owner, contact, limit=4)
    seen = part["entries"]
    while part["more"]:
        part = told(world, owner, contact, [seen[-1]["at"], seen[-1]["key"]], limit=4)
        seen += part["entries"]
    assert seen == at_once["entries"]
    details = call_as(world, owner, "contact_details", p_contact_id=contact["id"])
    assert {state["rule"] for state in details["states"]} == {"First", "Second"}
    checks = world.rows(
        "select to_jsonb(next_check_at) as at from public.ai_automation_contact_states"
        " where contact_id = %s",
        contact["id"],
    )
    assert {state["next_check_at"] for state in details["states"]} == {row["at"] for row in checks}


def test_the_story_of_a_contact_is_nobody_elses(world):
    _, contact = lived(world)
    stranger = world.user()

    assert call_as(world, stranger, "contact_details", p_contact_id=contact["id"]) is None
    assert told(world, stranger, contact) == {"more": False, "entries": []}
