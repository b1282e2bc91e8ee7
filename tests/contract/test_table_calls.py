"""This file is where every read and write of a table that the app makes is made."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.calls import Source
from tests.contract.conftest import Person, Project
from tests.contract.functions import NOBODY, Row
from tests.contract.test_contract import code_of

LATER, EARLIER = "2100-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"
SETTINGS = (
    "name,page_id,include_tags,include_mode,exclude_tags,wait_minutes,max_follow_ups,daily_limit,"
    "active_days,active_from,active_until,time_zone,run_24_7,prompt,language,model,"
    "review_before_send,stop_on_reply,run_every_minutes,run_at"
)


def all_settings(client: Any, ids: Row) -> Any:
    query = client.table("ai_automation_rules").select(f"id,enabled,updated_at,{SETTINGS}")
    return query.eq("id", ids["rule"])


def one_rule(client: Any, ids: Row) -> Any:
    return client.table("ai_automation_rules").select("id").eq("id", ids["rule"])


def rule_names(client: Any, ids: Row) -> Any:
    return client.table("ai_automation_rules").select("id,name")


def rules_of_the_list(client: Any, ids: Row) -> Any:
    return client.table("ai_automation_rules").select(
        "id,name,enabled,include_tags,include_mode,exclude_tags,wait_minutes,max_follow_ups,"
        "daily_limit,active_days,active_from,active_until,time_zone,run_24_7,review_before_send,"
        "stop_on_reply,page_id"
    )


def live_numbers(client: Any, ids: Row) -> Any:
    return client.table("automation_live_stats").select("*")


def queues(client: Any, ids: Row) -> Any:
    query = client.table("automation_stage_summary").select("rule_id,stage,contacts,oldest_seconds")
    return query.gt("contacts", 0)


def pages(client: Any, ids: Row) -> Any:
    return client.table("facebook_pages").select(
        "id,name,facebook_page_id,status,status_reason,paused_until,paused_at,disconnected_at,"
        "warning,warned_at"
    )


def one_contact(client: Any, ids: Row) -> Any:
    return client.table("contacts").select("id").eq("id", ids["contact"])


def contact_names(client: Any, ids: Row) -> Any:
    return client.table("contacts").select("id,sender_name").in_("id", [ids["contact"], NOBODY])


def states(client: Any, ids: Row) -> Any:
    query = client.table("ai_automation_contact_states").select("id,contact_id")
    return query.in_("id", [ids["state"], 0])


def audit(client: Any, ids: Row) -> Any:
    query = client.table("ai_automation_audit").select(
        "id,action,affected,occurred_at,detail,rule_id,page_id"
    )
    query = query.in_("action", ids["actions"]).eq("rule_id", ids["rule"])
    query = query.gte("occurred_at", EARLIER).lt("occurred_at", LATER)
    query = query.or_(f'occurred_at.lt."{LATER}",and(occurred_at.eq."{LATER}",id.lt.9)')
    return query.order("occurred_at", desc=True).order("id", desc=True).limit(50)


def preview(client: Any, ids: Row) -> Any:
    query = client.table("ai_automation_previews").select(
        "id,taken_at,finished_at,message,ai_model,tokens_in,tokens_out,generation_time_ms,"
        "error_message,error_hint"
    )
    return query.eq("id", ids["preview"])


def bulk_of_contacts(client: Any, ids: Row) -> Any:
    columns = "id,rule_id,action,tag,total,done,changed"
    query = client.table("open_bulk_actions").select(columns).is_("rule_id", "null")
    return query.order("created_at", desc=True).limit(10)


def bulk_of_a_rule(client: Any, ids: Row) -> Any:
    columns = "id,rule_id,action,tag,total,done,changed"
    query = client.table("open_bulk_actions").select(columns).eq("rule_id", ids["rule"])
    return query.order("created_at", desc=True).limit(10)


def own_settings(client: Any, ids: Row) -> Any:
    return client.table("user_settings").select(
        "time_zone,theme,wait_minutes,max_follow_ups,daily_limit,run_24_7,active_from,active_until"
    )


READS: list[Callable[[Any, Row], Any]] = [
    all_settings, one_rule, rule_names, rules_of_the_list, live_numbers, queues,
    pages, one_contact, contact_names, states, audit, preview, bulk_of_contacts, bulk_of_a_rule,
    own_settings,
]  # fmt: skip


@pytest.fixture(scope="session")
def ids(ada: Person, project: Project, page: Row, rule: Row, contacts: list[Row]) -> Row:
    """Something of Ada's in every table that the app reads."""

    def call(function: str, **arguments: Any) -> Any:
        return ada.client.rpc(function, arguments).execute().data

    contact = contacts[0]["id"]
    call("save_settings", p_settings={"theme": "dark"})
    given = {"p_tag": "x", "p_filter": None, "p_contact_ids": [contact]}
    call("preview_contact_bulk", p_action="add_tag", **given)
    call("preview_bulk", p_rule_id=rule["id"], p_action="cancel", p_stage=None, p_search=None)
    asked = call("request_preview", p_contact_id=contact, p_rule={"prompt": "Ask."})
    actions = ada.client.table("ai_automation_audit").select("action").execute().data
    state = {"user_id": ada.id, "rule_id": rule["id"], "contact_id": contact, "page_id": page["id"]}
    made = project.service.table("ai_automation_contact_states").insert(state).execute().data
    return {
        "rule": rule["id"],
        "contact": contact,
        "preview": asked["id"],
        "state": made[0]["id"],
        "actions": sorted({row["action"] for row in actions}),
    }


@pytest.mark.parametrize("read", READS, ids=lambda read: read.__name__)
def test_the_owner_reads_it_and_nobody_else(
    project: Project, ada: Person, bob: Person, ids: Row, read: Callable[[Any, Row], Any]
) -> None:
    assert read(ada.client, ids).execute().data
    assert read(bob.client, ids).execute().data == []
    assert code_of(read(project.client(), ids).execute) == "42501"


def test_messages_to_review_are_counted_without_their_rows(
    ada: Person, bob: Person, ids: Row
) -> None:
    def count(person: Person, rank: int) -> tuple[int | None, list[Row]]:
        table = person.client.table("ai_automation_contact_states")
        query = table.select("id", count="exact", head=True).eq("rule_id", ids["rule"])
        answer = query.eq("stage_rank", rank).is_("approved_at", "null").execute()
        return answer.count, answer.data

    ranks = range(9)
    assert sum(count(ada, rank)[0] or 0 for rank in ranks) == 1
    assert {count(bob, rank) == (0, []) for rank in ranks} == {True}


def test_the_worker_reads_all_pages_after_one(project: Project, page: Row) -> None:
    query = project.service.table("facebook_pages").select("id, facebook_page_id, proven_at")
    rows = query.order("id").limit(1000).gt("id", NOBODY).execute().data

    assert page["id"] in {row["id"] for row in rows}
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_every_setting_of_an_automation_is_written_and_a_wrong_one_refused(
    ada: Person, bob: Person, ids: Row
) -> None:
    table = "ai_automation_rules"
    read = ada.client.table(table).select(SETTINGS).eq("id", ids["rule"])
    settings = {**read.execute().data[0], "name": "A copy"}

    (made,) = ada.client.table(table).insert(settings).execute().data
    changes = {name: value for name, value in settings.items() if name != "page_id"}
    seen = {"id": made["id"], "updated_at": made["updated_at"]}
    query = ada.client.table(table).update({**changes, "wait_minutes": 7})
    (changed,) = query.eq("id", seen["id"]).eq("updated_at", seen["updated_at"]).execute().data
    assert (changed["name"], changed["wait_minutes"]) == ("A copy", 7)

    wrong = {**settings, "wait_minutes": -1}
    assert code_of(ada.client.table(table).insert(wrong).execute) == "23514"
    # Of a page with this owner there is none.
    assert code_of(bob.client.table(table).insert(settings).execute) == "23503"
    other = {"enabled": True}
    assert code_of(ada.client.table(table).update(other).eq("id", made["id"]).execute) == "42501"
    ada.client.rpc("delete_rule", {"p_rule_id": made["id"]}).execute()


def test_no_read_or_write_of_the_app_is_missing_here() -> None:
    app = Source.below("app.py", "pages", "api", "pipeline").calls()
    here = Source.below(
        "tests/contract/test_table_calls.py", "tests/contract/test_contract.py"
    ).calls()

    assert len(app) >= 10
    missing = {table: calls - here.get(table, set()) for table, calls in app.items()}
    assert {table: calls for table, calls in missing.items() if calls} == {}
