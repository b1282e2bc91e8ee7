"""This file is where status, headers and refusals are shown to be the platform's, byte for byte."""

from typing import Any

import psycopg
import pytest

from tests.gateway.conftest import Person, Served
from tests.running import until

pytestmark = pytest.mark.usefixtures("items")

READS: dict[str, tuple[str, str, int, str]] = {
    "all": ("items", "", 200, "0-9/*"),
    "none": ("items?name=eq.zz", "", 200, "*/*"),
    "none, counted": ("items?name=eq.zz", "count=exact", 200, "*/0"),
    "a part": ("items?limit=3&offset=2", "", 200, "2-4/*"),
    "a part, counted": ("items?limit=3&offset=2", "count=exact", 206, "2-4/10"),
    "the cap, counted": ("numbers", "count=exact", 206, "0-999/1500"),
    "a page after the last": ("items?offset=11", "count=exact", 416, "*/10"),
    "a limit of nothing": ("items?limit=0", "", 200, "*/*"),
    "a function's rows": ("rpc/pair", "", 200, "0-1/*"),
    "a function's rows, counted": ("rpc/pair?limit=1", "count=exact", 206, "0-0/2"),
    "a function's value": ("rpc/ping", "", 200, "0-0/*"),
}


@pytest.mark.parametrize("case", READS)
def test_a_read_says_which_rows_it_shows(gateway: Served, ada: Person, case: str) -> None:
    path, prefer, status, content_range = READS[case]
    headers = {"Prefer": prefer} if prefer else {}

    shown = gateway.raw("GET", f"/rest/v1/{path}", token=ada.token, headers=headers)
    head = gateway.raw("HEAD", f"/rest/v1/{path}", token=ada.token, headers=headers)

    assert (shown.status_code, head.status_code) == (status, status)
    assert shown.headers.get("content-range", "") == content_range
    assert head.headers.get("content-range", "") == content_range
    assert shown.headers["content-type"] == "application/json; charset=utf-8"
    assert head.content == b""


FORMS: dict[str, tuple[str, str, str]] = {
    "*/*": ("application/json; charset=utf-8", "items?name=eq.n1&select=qty", '[{"qty":1}]'),
    "application/vnd.pgrst.object+json": (
        "application/vnd.pgrst.object+json; charset=utf-8",
        "items?name=eq.n1&select=qty",
        '{"qty":1}',
    ),
    "application/vnd.pgrst.array+json;nulls=stripped": (
        "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
        "items?name=eq.n1&select=qty,done",
        '[{"qty":1}]',
    ),
    "text/csv": ("text/csv; charset=utf-8", "items?name=eq.n1&select=qty,name", "qty,name\n1,n1"),
    "text/html, application/json;q=0.9": (
        "application/json; charset=utf-8",
        "rpc/over?a=1",
        '"int"',
    ),
}


@pytest.mark.parametrize("accept", FORMS)
def test_the_answer_has_the_form_asked_for(gateway: Served, ada: Person, accept: str) -> None:
    content_type, path, text = FORMS[accept]

    answer = gateway.raw("GET", f"/rest/v1/{path}", token=ada.token, headers={"Accept": accept})

    assert (answer.headers["content-type"], answer.text) == (content_type, text)


REFUSALS: dict[str, tuple[str, str, dict[str, str], Any, int, str]] = {
    "a form nobody makes": ("GET", "items", {"Accept": "image/png"}, None, 406, "PGRST107"),
    "a plan": ("GET", "items", {"Accept": "application/vnd.pgrst.plan"}, None, 406, "PGRST107"),
    "a Range header": ("GET", "items", {"Range": "0-1"}, None, 400, "PGRST127"),
    "a location": ("POST", "items", {"Prefer": "return=headers-only"}, {}, 400, "PGRST127"),
    "a form as body": ("POST", "items", {"Content-Type": "text/csv"}, None, 400, "PGRST127"),
    "a picture as body": ("POST", "items", {"Content-Type": "image/png"}, None, 400, "PGRST102"),
    "a domain with a cast to JSON": ("GET", "safes", {}, None, 400, "PGRST127"),
    "a function with a media type": ("GET", "rpc/plain", {}, None, 400, "PGRST127"),
    "a list as arguments": ("POST", "rpc/ping", {}, [1], 400, "PGRST102"),
    "PUT": ("PUT", "items?id=eq.1", {}, {}, 400, "PGRST127"),
    "OPTIONS": ("OPTIONS", "items", {}, None, 400, "PGRST127"),
    "an unknown method": ("TRACE", "items", {}, None, 405, "PGRST117"),
    "DELETE on a function": ("DELETE", "rpc/ping", {}, None, 405, "PGRST101"),
    "a function that writes by GET": ("GET", "rpc/nothing?x=1", {}, None, 204, ""),
    "an unknown path": ("GET", "items/1/2", {}, None, 404, "PGRST125"),
    "an embedded filter": ("GET", "items?numbers.id=eq.1", {}, None, 400, "PGRST108"),
    "an embedded order": ("GET", "items?numbers.order=id", {}, None, 400, "PGRST108"),
    "an unknown preference, strictly": (
        "GET",
        "items",
        {"Prefer": "handling=strict, anything"},
        None,
        400,
        "PGRST122",
    ),
    "max-affected for a single value": (
        "POST",
        "rpc/ping",
        {"Prefer": "handling=strict, max-affected=1"},
        {},
        400,
        "PGRST128",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_has_the_platforms_status_and_code(
    gateway: Served, ada: Person, case: str
) -> None:
    method, path, headers, body, status, code = REFUSALS[case]
    options = {} if body is None else {"json": body}

    answer = gateway.raw(method, f"/rest/v1/{path}", token=ada.token, headers=headers, **options)

    assert answer.status_code == status, answer.text
    assert not code or answer.json()["code"] == code
    assert not code or answer.headers["proxy-status"] == f"PostgREST; error={code}"


def test_a_refused_head_tells_its_code_in_a_header(gateway: Served, ada: Person) -> None:
    answer = gateway.raw("HEAD", "/rest/v1/itemz", token=ada.token)

    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["proxy-status"] == "PostgREST; error=PGRST205"


def test_an_unknown_preference_is_passed_over(gateway: Served, ada: Person) -> None:
    headers = {"Prefer": "anything, tx=rollback, count=all"}

    answer = gateway.raw("GET", "/rest/v1/items?limit=1", token=ada.token, headers=headers)

    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


def test_a_new_table_is_known_once_postgresql_says_so(
    gateway: Served, ada: Person, superuser: psycopg.Connection[Any]
) -> None:
    def code() -> Any:
        answer = gateway.raw("GET", "/rest/v1/latecomers", token=ada.token)
        return answer.json() if answer.status_code == 200 else answer.json()["code"]

    superuser.execute("create table public.latecomers (id int)")
    superuser.execute("grant select on public.latecomers to authenticated")
    try:
        assert code() == "PGRST205"
        superuser.execute("notify pgrst, 'reload schema'")
        until(lambda: code() == [])
        superuser.execute("alter table public.latecomers add column later int")
        superuser.execute("insert into public.latecomers values (1, 2)")
        superuser.execute("notify pgrst, 'reload schema'")
        until(lambda: code() == [{"id": 1, "later": 2}])
    finally:
        superuser.execute("drop table public.latecomers")


def test_signed_in_or_not_decides_between_401_and_403(gateway: Served, ada: Person) -> None:
    stranger = gateway.raw("GET", "/rest/v1/items")
    known = gateway.raw("GET", "/rest/v1/ungranted", token=ada.token)

    assert (stranger.status_code, stranger.json()["code"]) == (401, "42501")
    assert (known.status_code, known.json()["code"]) == (403, "42501")
