"""This file is where every call that the app makes of Supabase is made, with its errors.

It runs against the embedded gateway, and against a real project where one is named (README). The
functions, about ninety, are listed beside it with their arguments (functions.py).
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import PASSWORD, Person, Project, auth_code, code_of
from tests.contract.functions import NOBODY, PERSON, VISITOR, WORKER, Row, filled

Query = Callable[[Any, Row], Any]
LATER, EARLIER = "2100-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"
SETTINGS = (
    "name,page_id,include_tags,include_mode,exclude_tags,wait_minutes,max_follow_ups,daily_limit,"
    "active_days,active_from,active_until,time_zone,run_24_7,prompt,language,model,"
    "review_before_send,stop_on_reply,run_every_minutes,run_at"
)
RULES, SECRETS = "ai_automation_rules", "facebook_page_secrets"
BULK = "id,rule_id,action,tag,total,done,changed"


# Sign-in.


def test_a_person_signs_in_stays_signed_in_and_signs_out(project: Project, bob: Person) -> None:
    given = {"email": bob.email, "password": PASSWORD}
    first = project.client().auth.sign_in_with_password(given).session
    second = project.client().auth.refresh_session(first.refresh_token).session

    assert second.refresh_token != first.refresh_token
    assert second.user.id == bob.id
    assert project.client().auth.get_user(second.access_token).user.email == bob.email
    assert project.client().auth.get_claims(second.access_token)["claims"]["sub"] == bob.id

    project.client().auth.admin.sign_out(second.access_token, "local")

    ended = auth_code(lambda: project.client().auth.get_user(second.access_token))
    assert ended == (403, "session_not_found")
    spent = auth_code(lambda: project.client().auth.refresh_session(second.refresh_token))
    assert spent == (400, "refresh_token_not_found")


def test_a_wrong_password_is_refused(project: Project, bob: Person) -> None:
    given = {"email": bob.email, "password": "wrong"}

    refused = auth_code(lambda: project.client().auth.sign_in_with_password(given))

    assert refused == (400, "invalid_credentials")


def test_accounts_are_kept_with_the_secret_key_only(project: Project, bob: Person) -> None:
    wanted = {"email": bob.email, "password": PASSWORD, "email_confirm": True}
    admin = project.service.auth.admin

    assert bob.id in {user.id for user in admin.list_users(per_page=1000)}
    assert auth_code(lambda: admin.create_user(wanted)) == (422, "email_exists")
    assert auth_code(lambda: admin.get_user_by_id(NOBODY)) == (404, "user_not_found")
    refused = auth_code(lambda: bob.client.auth.admin.list_users())
    assert refused in {(403, "not_admin"), (401, "no_authorization"), (403, "bad_jwt")}


# What the dashboard reads, each as the signed-in person.

READS: dict[str, Query] = {
    "the settings of an automation": lambda c, ids: (
        c.table(RULES).select(f"id,enabled,updated_at,{SETTINGS}").eq("id", ids["rule"])
    ),
    "whether an automation exists": lambda c, ids: (
        c.table(RULES).select("id").eq("id", ids["rule"])
    ),
    "the names of all automations": lambda c, _: c.table(RULES).select("id,name"),
    "the list of automations": lambda c, _: c.table(RULES).select(
        "id,name,enabled,include_tags,include_mode,exclude_tags,wait_minutes,max_follow_ups,"
        "daily_limit,active_days,active_from,active_until,time_zone,run_24_7,review_before_send,"
        "stop_on_reply,page_id"
    ),
    "its live numbers": lambda c, _: c.table("automation_live_stats").select("*"),
    "what is in hand in each stage": lambda c, _: (
        c.table("automation_stage_summary")
        .select("rule_id,stage,contacts,oldest_seconds")
        .gt("contacts", 0)
    ),
    "pages": lambda c, _: c.table("facebook_pages").select(
        "id,name,facebook_page_id,status,status_reason,paused_until,paused_at,disconnected_at,"
        "warning,warned_at"
    ),
    "whether a contact exists": lambda c, ids: (
        c.table("contacts").select("id").eq("id", ids["contact"])
    ),
    "names of contacts": lambda c, ids: (
        c.table("contacts").select("id,sender_name").in_("id", [ids["contact"], NOBODY])
    ),
    "whose the states are": lambda c, ids: (
        c.table("ai_automation_contact_states").select("id,contact_id").in_("id", [ids["state"], 0])
    ),
    "a page of the audit": lambda c, ids: (
        c.table("ai_automation_audit")
        .select("id,action,affected,occurred_at,detail,rule_id,page_id")
        .in_("action", ids["actions"])
        .eq("rule_id", ids["rule"])
        .gte("occurred_at", EARLIER)
        .lt("occurred_at", LATER)
        .or_(f'occurred_at.lt."{LATER}",and(occurred_at.eq."{LATER}",id.lt.9)')
        .order("occurred_at", desc=True)
        .order("id", desc=True)
        .limit(50)
    ),
    "a preview": lambda c, ids: (
        c.table("ai_automation_previews")
        .select(
            "id,taken_at,finished_at,message,ai_model,tokens_in,tokens_out,generation_time_ms,"
            "error_message,error_hint"
        )
        .eq("id", ids["preview"])
    ),
    "open changes of contacts": lambda c, _: (
        c.table("open_bulk_actions")
        .select(BULK)
        .is_("rule_id", "null")
        .order("created_at", desc=True)
        .limit(10)
    ),
    "open changes of an automation's contacts": lambda c, ids: (
        c.table("open_bulk_actions")
        .select(BULK)
        .eq("rule_id", ids["rule"])
        .order("created_at", desc=True)
        .limit(10)
    ),
    "one's own settings": lambda c, _: c.table("user_settings").select(
        "time_zone,theme,wait_minutes,max_follow_ups,daily_limit,run_24_7,active_from,active_until"
    ),
}


@pytest.mark.parametrize("what", READS)
def test_its_owner_reads_it_and_nobody_else(
    project: Project, ada: Person, bob: Person, ids: Row, what: str
) -> None:
    read = READS[what]

    assert read(ada.client, ids).execute().data
    assert read(bob.client, ids).execute().data == []
    assert code_of(read(project.client(), ids)) == "42501"


def test_an_answer_holds_a_thousand_rows_and_a_count_counts_all(
    ada: Person, bob: Person, ids: Row
) -> None:
    table = ada.client.table("contacts")

    def waiting(person: Person, rank: int) -> int | None:
        states = person.client.table("ai_automation_contact_states")
        query = states.select("id", count="exact", head=True).eq("rule_id", ids["rule"])
        return query.eq("stage_rank", rank).is_("approved_at", "null").execute().count

    assert len(table.select("id").execute().data) == 1000
    counted = table.select("id", count="exact", head=True).eq("page_id", ids["page"]).execute()
    assert (counted.count, counted.data) == (1100, [])
    assert len(table.select("sender_id").order("sender_id").range(1090, 1200).execute().data) == 10
    assert sum(waiting(ada, rank) or 0 for rank in range(9)) == 1
    assert {waiting(bob, rank) for rank in range(9)} == {0}


# What the dashboard writes, and what the worker reads and writes.


def test_every_setting_of_an_automation_is_written_and_a_wrong_one_refused(
    ada: Person, bob: Person, ids: Row
) -> None:
    settings = ada.client.table(RULES).select(SETTINGS).eq("id", ids["rule"]).single()
    wanted = {**settings.execute().data, "name": "A copy"}
    (made,) = ada.client.table(RULES).insert(wanted).execute().data
    changes = {name: value for name, value in wanted.items() if name != "page_id"}

    def change(person: Person) -> list[Row]:
        query = person.client.table(RULES).update({**changes, "wait_minutes": 7})
        return query.eq("id", made["id"]).eq("updated_at", made["updated_at"]).execute().data

    assert change(bob) == []
    assert [(row["name"], row["wait_minutes"]) for row in change(ada)] == [("A copy", 7)]
    assert change(ada) == [], "it is no longer as it was seen"

    assert code_of(ada.client.table(RULES).insert({**wanted, "wait_minutes": -1})) == "23514"
    # Of a page with this owner there is none.
    assert code_of(bob.client.table(RULES).insert(wanted)) == "23503"
    switched_on = ada.client.table(RULES).update({"enabled": True}).eq("id", made["id"])
    assert code_of(switched_on) == "42501"
    ada.client.rpc("delete_rule", {"p_rule_id": made["id"]}).execute()


def test_the_worker_reads_all_pages_and_rotates_tokens_and_nobody_else(
    project: Project, ada: Person, ids: Row
) -> None:
    pages = project.service.table("facebook_pages").select("id, facebook_page_id, proven_at")
    secrets = project.service.table(SECRETS).select("page_id, encrypted_token")
    rotated = project.service.table(SECRETS).update({"encrypted_token": "sealed again"})
    rotated = rotated.eq("page_id", ids["page"]).eq("encrypted_token", "sealed")

    listed = pages.order("id").limit(1000).gt("id", NOBODY).execute().data
    kept = secrets.gt("page_id", NOBODY).order("page_id").limit(100).execute().data

    assert [row["id"] for row in listed] == [ids["page"]]
    assert [row["page_id"] for row in kept] == [ids["page"]]
    assert [row["encrypted_token"] for row in rotated.execute().data] == ["sealed again"]
    assert code_of(ada.client.table(SECRETS).select("encrypted_token")) == "42501"


# What is refused, by its code.

REFUSED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a table that does not exist": ("PGRST205", lambda c: c.table("nothing").select("*")),
    "a column that does not exist": ("42703", lambda c: c.table("contacts").select("nothing")),
    "a column to write that does not exist": (
        "PGRST204",
        lambda c: c.table(RULES).insert({"nothing": 1}),
    ),
    "a row that breaks a rule": (
        "23502",
        lambda c: c.table(RULES).insert({"page_id": NOBODY, "name": None}),
    ),
    "no row where one is wanted": (
        "PGRST116",
        lambda c: c.table("contacts").select("id").eq("page_id", NOBODY).single(),
    ),
    "an id that is none": ("22P02", lambda c: c.table("contacts").select("id").eq("page_id", "x")),
    "a change of everything": (
        "21000",
        lambda c: c.table(RULES).update({"name": "x"}),
    ),
    "a deletion": ("42501", lambda c: c.table("contacts").delete().neq("id", NOBODY)),
    "a function that does not exist": ("PGRST202", lambda c: c.rpc("nothing", {})),
    "an argument that does not exist": ("PGRST202", lambda c: c.rpc("dry_run", {"p_x": 1})),
    "a write where one only reads": (
        "25006",
        lambda c: c.rpc("set_rule_enabled", {"p_rule_id": NOBODY, "p_enabled": False}, get=True),
    ),
    "a schema that is not exposed": (
        "PGRST106",
        lambda c: c.schema("auth").table("users").select("*"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_by_its_code(ada: Person, what: str) -> None:
    code, query = REFUSED[what]

    assert code_of(query(ada.client)) == code


def test_a_token_that_is_none_is_refused(project: Project) -> None:
    assert code_of(project.client("a.b.c").table("contacts").select("id")) == "PGRST301"


# Functions.


def check(client: Any, function: str, arguments: Row, expected: object, ids: Row) -> None:
    query = client.rpc(function, filled(arguments, ids))
    if isinstance(expected, str):
        assert code_of(query) == expected
        return
    data = query.execute().data
    assert data in (None, []) if expected is None else isinstance(data, expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", PERSON)
def test_a_person_calls_and_nobody_without_signing_in(
    project: Project, ada: Person, ids: Row, function: str
) -> None:
    arguments, expected = PERSON[function]

    check(ada.client, function, arguments, expected, ids)
    check(project.client(), function, arguments, "42501", {"rule": NOBODY, "page": NOBODY})


@pytest.mark.parametrize("function", VISITOR)
def test_a_visitor_calls_and_learns_nothing(project: Project, function: str) -> None:
    check(project.client(), function, *VISITOR[function], {})


@pytest.mark.usefixtures("no_worker_stays")
@pytest.mark.parametrize("function", WORKER)
def test_the_worker_calls_and_nobody_else(project: Project, ada: Person, function: str) -> None:
    arguments, expected = WORKER[function]

    check(project.service, function, arguments, expected, {})
    check(ada.client, function, arguments, "42501", {})
