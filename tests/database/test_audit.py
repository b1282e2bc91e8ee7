"""This file is where everything a person does leaves a line that nobody changes."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.database import doors
from tests.database.acting import as_user, call, call_as

# Keeps something for the press that follows, or what was found out after one, or sums minutes up.
AUDIT = "insert into public.ai_automation_audit"
NO_ACTION = {"preview_bulk", "preview_contact_bulk", "note_subscription", "metrics"}
MAY_WRITE = """
    select p.proname as name, p.prosrc as body from pg_proc as p
    where p.pronamespace = 'public'::regnamespace and p.provolatile = 'v'
        and p.prorettype <> 'trigger'::regtype
        and has_function_privilege('authenticated', p.oid, 'execute')
"""


def test_every_function_of_a_person_that_may_write_writes_down_what_it_did(world):
    found = {row["name"]: row["body"] for row in world.rows(MAY_WRITE)}

    assert set(found) <= {*doors.FOR_OWNERS, *doors.FOR_EVERYBODY}
    silent = {name for name, body in found.items() if AUDIT not in body}
    assert silent == NO_ACTION
    assert len(found) > 15


def actions(world, person):
    return world.rows(
        "select action, affected, detail, rule_id, page_id from public.ai_automation_audit"
        " where user_id = %s order by id",
        person["id"],
    )


def test_what_is_changed_through_a_table_is_written_down_without_its_words(world):
    ana = world.user()
    page = world.page(ana)
    contact = world.contact(page)
    with as_user(world, ana):
        rule = world.insert("public.ai_automation_rules", page_id=page["id"], name="Mine")
        world.rows(
            "update public.ai_automation_rules set prompt = 'secret', wait_minutes = 5"
            " where id = %s returning id",
            rule["id"],
        )
        world.rows(
            "update public.ai_automation_rules set prompt = prompt where id = %s returning id",
            rule["id"],
        )
        world.rows(
            "update public.contacts set tags = '{vip}' where id = %s returning id", contact["id"]
        )
        world.rows(
            "update public.ai_automation_rules set run_at = '{09:30}' where id = %s returning id",
            rule["id"],
        )

    found = actions(world, ana)

    assert [row["action"] for row in found] == [
        *("add_rule", "change_rule", "change_contact", "change_rule")
    ]
    assert found[3]["detail"] == {"changed": ["run_at"]}
    assert found[1]["detail"] == {"changed": ["prompt", "wait_minutes"]}
    assert (found[2]["detail"], found[2]["affected"]) == ({"changed": ["tags"]}, 1)
    assert {row["rule_id"] for row in found[:2]} == {rule["id"]}


def test_what_a_worker_changes_is_no_action_of_a_person(world):
    ana = world.user()
    world.contact(world.page(ana))
    world.rows("update public.contacts set tags = '{x}' returning id")

    assert actions(world, ana) == []


def test_many_at_once_are_one_line_with_the_filter_but_no_name(world):
    ana = world.user()
    page = world.page(ana)
    rule = world.rule(page)
    for _ in range(3):
        world.insert(
            "public.ai_automation_contact_states",
            user_id=ana["id"],
            rule_id=rule["id"],
            contact_id=world.contact(page, sender_name="Zoë")["id"],
            current_stage="failed",
            error_code="not_accepted",
        )
    asked = {"p_rule_id": rule["id"], "p_action": "retry", "p_stage": "failed"}
    bulk = call_as(world, ana, "preview_bulk", **asked, p_search="ZOË cause:not_accepted ")
    for _ in range(2):
        call_as(world, ana, "advance_bulk", p_id=bulk["id"], p_limit=2)

    [line] = actions(world, ana)

    assert (line["action"], line["affected"]) == ("bulk_retry", 3)
    assert line["detail"]["filter"] == {
        "stage": "failed",
        "cause": "not_accepted",
        "search": True,
    }


def test_who_acts_on_contacts_of_an_automation_is_told_on_which_and_whether_words_changed(world):
    ana = world.user()
    page = world.page(ana)
    rules = [world.rule(page), world.rule(page)]

    def state(rule, stage, **more):
        return world.insert(
            "public.ai_automation_contact_states",
            user_id=ana["id"],
            rule_id=rule["id"],
            contact_id=world.contact(page)["id"],
            current_stage=stage,
            **more,
        )["id"]

    ready = [state(rules[0], "ready_to_send", generated_message="Hi") for _ in range(3)]
    failed = [state(rule, "failed", error_code="x") for rule in (*rules, rules[1])]
    call_as(world, ana, "approve_message", p_state_id=ready[0], p_text="Hello")
    call_as(world, ana, "approve_message", p_state_id=ready[1], p_text=" Hi ")
    call_as(world, ana, "reject_message", p_state_id=ready[2])
    call_as(world, ana, "retry_contacts", p_state_ids=failed)
    call_as(world, ana, "cancel_contacts", p_state_ids=failed[1:])

    one, other = (rule["id"] for rule in rules)
    assert [(row["action"], row["rule_id"], row["detail"]) for row in actions(world, ana)] == [
        ("approve_message", one, {"state": ready[0], "edited": True}),
        ("approve_message", one, {"state": ready[1]}),
        ("reject_message", one, {"state": ready[2]}),
        ("retry_contacts", None, {}),
        ("cancel_contacts", other, {}),
    ]


def test_a_list_that_is_taken_out_is_written_down_by_its_filter_but_no_words(world):
    ana = world.user()
    page = world.page(ana)
    rule = world.rule(page)
    asked = {"q": "Zoë", "rule": str(rule["id"]), "page": str(page["id"]), "outcome": "failed"}

    call_as(world, ana, "note_export", p_what="history", p_filter=Jsonb({**asked, "own": "x"}))
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        call_as(world, ana, "note_export", p_what="secrets", p_filter=Jsonb({}))

    [line] = actions(world, ana)
    assert (line["action"], line["rule_id"], line["page_id"]) == (
        *("export_history", rule["id"], page["id"]),
    )
    assert line["detail"] == {"filter": {"q": True, "outcome": "failed"}}


def test_why_a_page_stopped_and_what_many_were_given_is_written_down(world):
    ana = world.user()
    page = world.page(ana)
    contact = world.contact(page)
    stop = {"page_status": "restricted", "reason": "Too many complaints."}
    worker = world.connection
    call(worker, "record_page_news", p_news=Jsonb([{"page_id": str(page["id"]), **stop}]))
    warned = Jsonb({"action": "warning", "reason": "Spam."})
    worker.execute(
        "select public.apply_policy(p, now(), %s) from public.facebook_pages as p", [warned]
    )
    fits = Jsonb({"page": str(page["id"]), "tag": ""})
    bulk = call_as(
        world, ana, "preview_contact_bulk", p_action="add_tag", p_tag="VIP", p_filter=fits
    )
    call_as(world, ana, "advance_bulk", p_id=bulk["id"])
    rows = Jsonb([{"sender_id": "5", "tags": "b;a"}, {"sender_id": "x", "tags": "never"}])
    call_as(world, ana, "import_contacts", p_page_id=page["id"], p_contacts=rows)

    found = actions(world, ana)

    assert {row["page_id"] for row in found} == {contact["page_id"]}
    assert [(row["action"], row["detail"]) for row in found] == [
        ("page_paused", {"why": "Too many complaints."}),
        ("page_warned", {"why": "Spam."}),
        ("contacts_add_tag", {"filter": {"tag": ""}, "tag": "vip", "bulk_id": bulk["id"]}),
        ("import_contacts", {"tags": ["a", "b"]}),
    ]


@pytest.mark.parametrize(
    "command",
    [
        "update public.ai_automation_audit set affected = 0",
        "delete from public.ai_automation_audit",
    ],
)
def test_no_line_is_changed_or_removed_but_with_its_person(world, command):
    ana = world.user()
    call_as(
        world, ana, "set_rule_enabled", p_rule_id=world.rule(world.page(ana))["id"], p_enabled=False
    )

    for role in ("postgres", "service_role"):
        world.connection.execute(f"set role {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            world.connection.execute(command)
        world.connection.execute("reset role")
    world.rows("delete from auth.users where id = %s returning id", ana["id"])
    assert actions(world, ana) == []


def test_settings_are_kept_one_by_one_and_given_back_by_null(world):
    ana = world.user()
    both = {"theme": "dark", "time_zone": "Asia/Tokyo", "user_id": str(world.user()["id"])}

    call_as(world, ana, "save_settings", p_settings=Jsonb(both))
    now = call_as(world, ana, "save_settings", p_settings=Jsonb({"time_zone": None}))
    last = call_as(world, ana, "save_settings", p_settings=Jsonb({"theme": None}))

    assert (now["theme"], now["time_zone"], last["theme"]) == ("dark", None, "system")
    assert [row["detail"]["changed"] for row in actions(world, ana)] == [
        ["theme", "time_zone"],
        ["time_zone"],
        ["theme"],
    ]
    for wrong in ({"time_zone": "Atlantis"}, {"theme": "pink"}, {"daily_limit": -1}):
        with pytest.raises(psycopg.DatabaseError):
            call_as(world, ana, "save_settings", p_settings=Jsonb(wrong))
