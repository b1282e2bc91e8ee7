"""This file is where every call of the app is made through supabase-py, with its errors."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from postgrest.exceptions import APIError
from supabase_auth.errors import AuthApiError

from tests.contract.conftest import PASSWORD, WORKER_NAME, Person, Project
from tests.contract.functions import NOBODY, PERSON, VISITOR, WORKER, Row
from tests.running import ROOT


def code_of(call: Callable[[], Any]) -> str:
    """The code of the APIError that `call` ends with."""
    with pytest.raises(APIError) as refused:
        call()
    return str(refused.value.code)


def auth_code(call: Callable[[], Any]) -> tuple[int, str | None]:
    """Status and code of the AuthApiError that `call` ends with."""
    with pytest.raises(AuthApiError) as refused:
        call()
    return refused.value.status, refused.value.code


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
    everybody = project.service.auth.admin.list_users(per_page=1000)

    assert bob.id in {user.id for user in everybody}
    taken = auth_code(lambda: project.service.auth.admin.create_user(wanted))
    assert taken == (422, "email_exists")
    status, code = auth_code(lambda: bob.client.auth.admin.list_users())
    assert (status, code) in {(403, "not_admin"), (401, "no_authorization"), (403, "bad_jwt")}


def test_get_user_by_id_of_nobody_is_not_found(project: Project) -> None:
    refused = auth_code(lambda: project.service.auth.admin.get_user_by_id(NOBODY))

    assert refused == (404, "user_not_found")


# Tables and views.


def test_people_read_their_own_rows_only(ada: Person, bob: Person, rule: Row) -> None:
    columns = "id,enabled,updated_at,name"
    for person, seen in ((ada, [rule["id"]]), (bob, [])):
        rows = person.client.table("ai_automation_rules").select(columns).execute().data
        assert [row["id"] for row in rows] == seen
        stats = person.client.table("automation_live_stats").select("*").execute().data
        assert [row["rule_id"] for row in stats] == seen
    assert bob.client.table("facebook_pages").select("id,name,status").execute().data == []
    assert ada.client.table("automation_live_stats").select("rule_id").limit(1).execute().data


def test_an_answer_holds_a_thousand_rows_and_a_count_counts_all(
    ada: Person, page: Row, contacts: list[Row]
) -> None:
    table = ada.client.table("contacts")

    assert len(contacts) == 1100
    assert len(table.select("id").execute().data) == 1000
    counted = table.select("id", count="exact", head=True).eq("page_id", page["id"]).execute()
    assert (counted.count, counted.data) == (1100, [])
    last = table.select("sender_id").order("sender_id").range(1090, 1200).execute().data
    assert len(last) == 10


def test_a_rule_is_changed_only_as_it_was_seen(ada: Person, bob: Person, rule: Row) -> None:
    def change(person: Person, seen_at: str) -> list[Row]:
        query = person.client.table("ai_automation_rules").update({"name": "Winback again"})
        return query.eq("id", rule["id"]).eq("updated_at", seen_at).execute().data

    read = ada.client.table("ai_automation_rules").select("updated_at").eq("id", rule["id"])
    seen_at = read.single().execute().data["updated_at"]

    assert change(bob, seen_at) == []
    assert [row["name"] for row in change(ada, seen_at)] == ["Winback again"]
    assert change(ada, seen_at) == []


def test_the_worker_reads_and_rotates_tokens_and_nobody_else(
    project: Project, ada: Person, page: Row
) -> None:
    table = "facebook_page_secrets"
    query = project.service.table(table).select("page_id, encrypted_token").gt("page_id", NOBODY)
    mine = query.order("page_id").limit(100).execute().data
    changed = (
        project.service.table(table)
        .update({"encrypted_token": "sealed again"})
        .eq("page_id", page["id"])
        .eq("encrypted_token", "sealed")
        .execute()
        .data
    )

    assert page["id"] in {row["page_id"] for row in mine}
    assert [row["encrypted_token"] for row in changed] == ["sealed again"]
    assert code_of(ada.client.table(table).select("encrypted_token").execute) == "42501"


REFUSED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a table that does not exist": ("PGRST205", lambda c: c.table("nothing").select("*")),
    "a column that does not exist": ("42703", lambda c: c.table("contacts").select("nothing")),
    "a column to write that does not exist": (
        "PGRST204",
        lambda c: c.table("ai_automation_rules").insert({"nothing": 1}),
    ),
    "a row that breaks a rule": (
        "23502",
        lambda c: c.table("ai_automation_rules").insert({"page_id": NOBODY, "name": None}),
    ),
    "no row where one is wanted": (
        "PGRST116",
        lambda c: c.table("contacts").select("id").eq("page_id", NOBODY).single(),
    ),
    "an id that is none": ("22P02", lambda c: c.table("contacts").select("id").eq("page_id", "x")),
    "a change of everything": (
        "21000",
        lambda c: c.table("ai_automation_rules").update({"name": "x"}),
    ),
    "a deletion of everything": ("42501", lambda c: c.table("contacts").delete().neq("id", NOBODY)),
    "a function that does not exist": ("PGRST202", lambda c: c.rpc("nothing", {})),
    "an argument that does not exist": ("PGRST202", lambda c: c.rpc("dry_run", {"p_x": 1})),
    "the worker's function": ("42501", lambda c: c.rpc("reclaim_expired_leases", {})),
    "a schema that is not exposed": (
        "PGRST106",
        lambda c: c.schema("auth").table("users").select("*"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_by_its_code(ada: Person, what: str) -> None:
    code, query = REFUSED[what]

    assert code_of(query(ada.client).execute) == code


def test_reading_writes_nothing(ada: Person, rule: Row) -> None:
    given = {"p_rule_id": rule["id"], "p_enabled": False}

    assert code_of(ada.client.rpc("set_rule_enabled", given, get=True).execute) == "25006"


def test_who_has_not_signed_in_sees_nothing(project: Project) -> None:
    assert code_of(project.client().table("contacts").select("id").execute) == "42501"
    assert code_of(project.client("a.b.c").table("contacts").select("id").execute) == "PGRST301"


# Functions: tests/contract/functions.py lists them.


def _check(client: Any, function: str, arguments: Row, expected: object, ids: Row) -> None:
    given = {name: _filled(value, ids) for name, value in arguments.items()}
    query = client.rpc(function, given)
    if isinstance(expected, str):
        assert code_of(query.execute) == expected
        return
    data = query.execute().data
    assert data in (None, []) if expected is None else isinstance(data, expected)  # type: ignore[arg-type]


def _filled(value: Any, ids: Row) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, ids) for name, inner in value.items()}
    return ids.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("function", PERSON)
def test_a_person_calls(ada: Person, page: Row, rule: Row, function: str) -> None:
    _check(ada.client, function, *PERSON[function], {"rule": rule["id"], "page": page["id"]})


@pytest.mark.parametrize("function", PERSON)
def test_nobody_calls_without_signing_in(project: Project, function: str) -> None:
    arguments, _ = PERSON[function]
    ids = {"rule": NOBODY, "page": NOBODY}

    _check(project.client(), function, arguments, "42501", ids)


@pytest.mark.parametrize("function", VISITOR)
def test_a_visitor_calls_and_learns_nothing(project: Project, function: str) -> None:
    _check(project.client(), function, *VISITOR[function], {})


@pytest.mark.usefixtures("no_worker_stays")
@pytest.mark.parametrize("function", WORKER)
def test_the_worker_calls(project: Project, ada: Person, function: str) -> None:
    _check(project.service, function, *WORKER[function], {})
    _check(ada.client, function, WORKER[function][0], "42501", {})


def test_no_worker_of_this_suite_stays(project: Project) -> None:
    workers = project.service.table("ai_automation_workers").select("name").execute().data

    assert WORKER_NAME not in {worker["name"] for worker in workers}


def test_a_project_with_contacts_is_refused(project: Project, contacts: list[Row]) -> None:
    told = {
        "CONTRACT_SUPABASE_URL": project.url,
        "CONTRACT_SUPABASE_PUBLISHABLE_KEY": project.publishable_key,
        "CONTRACT_SUPABASE_SECRET_KEY": project.secret_key,
    }
    one = "tests/contract/test_contract.py::test_get_user_by_id_of_nobody_is_not_found"
    asked = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", one],
        cwd=ROOT,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )

    assert contacts
    assert asked.returncode == 1
    assert f"{project.url} has contacts" in asked.stdout
    assert "1 error" in asked.stdout
    assert project.secret_key not in asked.stdout


def test_no_call_of_the_app_is_missing_here() -> None:
    called = re.compile(r'(?:_call|_call_for_rows|rpc)\(\s*"([a-z_]+)"')
    names = {
        name
        for part in ("pipeline", "pages", "api")
        for file in Path(ROOT / part).rglob("*.py")
        for name in called.findall(file.read_text())
    }

    assert names - PERSON.keys() - WORKER.keys() - VISITOR.keys() == set()
