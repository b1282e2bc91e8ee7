"""This file is where writing tables through supabase-py is shown to work as on the platform."""

import datetime as dt
from typing import Any

import psycopg
import pytest
from postgrest.exceptions import APIError

from tests.gateway.conftest import Person, Served

pytestmark = pytest.mark.usefixtures("items")


def quantities(person: Person) -> dict[str, int]:
    rows = person.client.table("items").select("name,qty").execute().data
    return {row["name"]: row["qty"] for row in rows}


def test_an_inserted_row_comes_back_with_its_defaults(ada: Person) -> None:
    new = {"name": "one", "qty": 2, "price": 1.25, "tags": ["x", "y z"], "meta": {"n": {"m": 3}}}

    (row,) = ada.client.table("items").insert(new).execute().data

    assert (row["owner"], row["price"], row["tags"]) == (ada.id, 1.25, ["x", "y z"])
    assert row["meta"] == {"n": {"m": 3}}


def test_many_rows_go_in_at_once(ada: Person) -> None:
    moment = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    new = [{"name": f"new {i}", "qty": i, "created_at": moment} for i in range(300)]

    assert len(ada.client.table("items").insert(new).execute().data) == 300


def test_rows_may_leave_out_different_columns_and_get_the_defaults(ada: Person) -> None:
    new = [{"name": "a"}, {"name": "b", "qty": 9}]

    found = ada.client.table("items").insert(new, default_to_null=False).execute().data

    assert [(row["name"], row["qty"]) for row in found] == [("a", 1), ("b", 9)]


def test_a_minimal_answer_needs_no_right_to_read(ada: Person) -> None:
    table = ada.client.table("postbox")

    assert table.insert({"letter": "dear"}, returning="minimal").execute().data == []
    with pytest.raises(APIError) as refused:
        table.insert({"letter": "dear"}).execute()
    assert refused.value.code == "42501"


def test_only_the_columns_asked_for_need_the_right_to_read(gateway: Served, ada: Person) -> None:
    answer = gateway.raw(
        "POST",
        "/rest/v1/postbox?select=id",
        token=ada.token,
        headers={"Prefer": "return=representation"},
        json={"letter": "dear"},
    )

    assert (answer.status_code, list(answer.json()[0])) == (201, ["id"])


def test_an_upsert_changes_what_is_there_and_adds_what_is_not(ada: Person) -> None:
    new = [{"name": "n1", "qty": 50, "owner": ada.id}, {"name": "new", "qty": 1, "owner": ada.id}]

    found = ada.client.table("items").upsert(new, on_conflict="owner,name").execute().data

    assert [(row["name"], row["qty"]) for row in found] == [("n1", 50), ("new", 1)]
    assert len(quantities(ada)) == 11


def test_an_upsert_may_leave_duplicates_alone(ada: Person) -> None:
    new = {"name": "n1", "qty": 51, "owner": ada.id}
    upsert = ada.client.table("items").upsert(new, on_conflict="owner,name", ignore_duplicates=True)

    assert upsert.execute().data == []
    assert quantities(ada)["n1"] == 1


def test_an_update_answers_with_the_changed_rows(ada: Person) -> None:
    update = ada.client.table("items").update({"qty": 70, "meta": {"z": [1]}}).eq("name", "n1")

    assert [(row["qty"], row["meta"]) for row in update.execute().data] == [(70, {"z": [1]})]


def test_an_update_of_nothing_changes_nothing(ada: Person) -> None:
    before = quantities(ada)

    assert ada.client.table("items").update({}).eq("name", "n1").execute().data == []
    assert quantities(ada) == before


def test_nobody_changes_the_rows_of_others(ada: Person, bob: Person) -> None:
    bobs = bob.client.table("items")

    assert bobs.update({"qty": 7}).eq("name", "n1").execute().data == []
    assert bobs.delete().eq("name", "n1").execute().data == []
    with pytest.raises(APIError) as refused:
        bobs.insert({"name": "x", "owner": ada.id}).execute()
    assert refused.value.code == "42501"
    assert quantities(ada)["n1"] == 1


def test_deleted_rows_come_back_once(ada: Person) -> None:
    gone = ada.client.table("items").delete().in_("name", ["n1", "n2"]).execute()

    assert [row["name"] for row in gone.data] == ["n1", "n2"]
    assert "n1" not in quantities(ada)


UNDONE = {
    "single, but there are ten": (lambda q: q.like("name", "n%").single(), "PGRST116"),
    "more than max_affected": (lambda q: q.like("name", "n%").max_affected(3), "PGRST124"),
    "a constraint": (lambda q: q.neq("name", "n1"), "22003"),
}


@pytest.mark.parametrize("case", UNDONE)
def test_an_update_that_is_refused_changes_nothing(ada: Person, case: str) -> None:
    narrow, code = UNDONE[case]
    value: Any = 77 if code.startswith("PGRST") else 10**12
    before = quantities(ada)

    with pytest.raises(APIError) as refused:
        narrow(ada.client.table("items").update({"qty": value})).execute()

    assert refused.value.code == code
    assert quantities(ada) == before


REFUSED = {
    "a duplicate": (lambda t: t.insert({"name": "n1"}), "23505"),
    "a missing value": (lambda t: t.insert({"qty": 1}), "23502"),
    "an unknown column": (lambda t: t.insert({"nope": 1}), "PGRST204"),
    "an unknown column in an update": (lambda t: t.update({"nope": 1}).eq("id", 1), "PGRST204"),
    "an unknown conflict": (lambda t: t.upsert({"name": "x"}, on_conflict="no"), "42703"),
    "an update of every row": (lambda t: t.update({"qty": 0}), "21000"),
    "a delete of every row": (lambda t: t.delete(), "21000"),
    "an identity of one's own": (lambda t: t.insert({"id": 1, "name": "x"}), "428C9"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_write_is_refused_with_its_code(ada: Person, case: str) -> None:
    write, code = REFUSED[case]

    with pytest.raises(APIError) as refused:
        write(ada.client.table("items")).execute()

    assert refused.value.code == code


def test_no_digit_is_lost_and_a_domain_has_its_default(gateway: Served, ada: Person) -> None:
    price = "12345678901234567890.123456789012345678901"
    headers = {"Prefer": "return=representation, missing=default"}

    added = gateway.raw(
        "POST",
        "/rest/v1/cars?columns=id,colour,price,kind",
        token=ada.token,
        headers=headers,
        content=f'{{"id": 1, "price": {price}, "kind": "ab"}}',
    )
    changed = gateway.raw(
        "PATCH",
        "/rest/v1/cars?id=eq.1",
        token=ada.token,
        headers={"Prefer": "return=representation"},
        content=f'{{"price": -{price}}}',
    )

    assert f'"colour":"red","price":{price},"kind":"ab "' in added.text
    assert f'"price":-{price},' in changed.text


def test_a_write_without_a_body_is_refused(gateway: Served, ada: Person) -> None:
    for method in ("POST", "PATCH"):
        answer = gateway.raw(method, "/rest/v1/items?id=eq.1", token=ada.token, content=b" ")
        assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")


def test_an_update_from_an_empty_list_changes_nothing(gateway: Served, ada: Person) -> None:
    answer = gateway.raw("PATCH", "/rest/v1/items", token=ada.token, json=[])

    assert (answer.status_code, answer.headers["content-range"]) == (204, "*/*")


@pytest.mark.parametrize("accept", ["*/*", "application/vnd.pgrst.object+json"])
def test_what_is_judged_at_commit_is_still_refused(
    gateway: Served, ada: Person, accept: str
) -> None:
    answer = gateway.raw(
        "POST",
        "/rest/v1/links",
        token=ada.token,
        headers={"Accept": accept, "Prefer": "return=representation"},
        json={"id": 1, "next_id": 2},
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "23503")
    assert ada.client.table("links").select("*").execute().data == []


WIRE: dict[str, tuple[str, str, str, Any, int, str]] = {
    "insert": ("POST", "", "return=minimal", {"name": "x"}, 201, "*/*"),
    "insert, counted": ("POST", "", "count=exact", [{"name": "x"}, {"name": "y"}], 201, "*/2"),
    "insert of no rows": ("POST", "", "return=representation", [], 201, "*/*"),
    "upsert of a new row": (
        "POST",
        "?on_conflict=owner,name",
        "resolution=merge-duplicates",
        {"name": "x"},
        201,
        "*/*",
    ),
    "upsert of an old row": (
        "POST",
        "?on_conflict=owner,name",
        "resolution=merge-duplicates",
        {"name": "n1"},
        200,
        "*/*",
    ),
    "update": ("PATCH", "?name=eq.n1", "return=minimal", {"qty": 3}, 204, "0-0/*"),
    "update with rows": ("PATCH", "?qty=lt.3", "return=representation", {"qty": 3}, 200, "0-2/*"),
    "update, counted": ("PATCH", "?qty=lt.3", "count=exact", {"qty": 3}, 204, "0-2/3"),
    "update that finds nothing": ("PATCH", "?qty=eq.-1", "count=exact", {"qty": 3}, 204, "*/0"),
    "delete": ("DELETE", "?qty=lt.3", "return=minimal", None, 204, "*/*"),
    "delete with rows": ("DELETE", "?qty=lt.3", "return=representation", None, 200, "*/*"),
    "delete, counted": ("DELETE", "?qty=lt.3", "count=exact", None, 204, "*/3"),
}


@pytest.mark.parametrize("case", WIRE)
def test_a_write_is_answered_as_the_platform_does(gateway: Served, ada: Person, case: str) -> None:
    method, query, prefer, body, status, content_range = WIRE[case]

    answer = gateway.raw(
        method,
        f"/rest/v1/items{query}",
        token=ada.token,
        headers={"Prefer": prefer},
        **({} if body is None else {"json": body}),
    )

    assert answer.status_code == status, answer.text
    assert answer.headers["content-range"] == content_range
    assert answer.headers["preference-applied"] == prefer
    assert bool(answer.text) == ("representation" in prefer)


def test_returned_rows_can_be_ordered(gateway: Served, ada: Person) -> None:
    answer = gateway.raw(
        "PATCH",
        "/rest/v1/items?qty=lt.3&select=name,qty&order=qty.desc",
        token=ada.token,
        headers={"Prefer": "return=representation"},
        json={"done": True},
    )

    assert [row["name"] for row in answer.json()] == ["n2", "n1", "n0"]


@pytest.mark.parametrize("query", ["?id=gt.0&limit=1", "?id=gt.0&offset=1"])
def test_a_limit_on_a_delete_is_not_passed_over(
    gateway: Served, ada: Person, superuser: psycopg.Connection[Any], query: str
) -> None:
    answer = gateway.raw("DELETE", f"/rest/v1/items{query}", token=ada.token)

    assert answer.json()["code"] == "PGRST127"
    assert superuser.execute("select count(*) from public.items").fetchone() == (11,)
