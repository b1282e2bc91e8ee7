"""This file is where hostile requests are shown to be refused, or to be harmless."""

import json
from typing import Any

import httpx
import psycopg
import pytest

from tests.gateway.conftest import Person, Served

pytestmark = pytest.mark.usefixtures("items")
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _nothing_is_lost(items: None, superuser: psycopg.Connection[Any]) -> Any:
    """Whatever a test sends, Ada's and Bob's rows are there afterwards."""
    yield
    assert superuser.execute("select count(*) from public.items").fetchone() == (11,)


REFUSED_QUERIES = {
    "a subquery in select": "select=*,(select+1)",
    "a statement after a cast": "select=name::text%3Bdrop+table+items%3B--",
    "a quote in a selected name": 'select=name\\",(select+1)',
    "a quote in a name that is quoted whole": 'select="name\\",(select+1)"',
    "a quote in a column": 'na"me=eq.1',
    "a condition in a column": "name+or+1=1;--=eq.1",
    "a statement in order": "order=name%3Bdrop+table+items",
    "a subquery in order": "order=name.desc,(select+1)",
    "an operator that closes": "name=eq)or(1=1.x",
    "a language that closes": "name=fts(english',$$).x",
    "a placeholder as column": "%25s=eq.1",
    "a named placeholder as column": "%25(p0)s=eq.1",
    "a tree four thousand deep": "or=" + "(and" * 4000 + "(a.eq.1" + ")" * 4001,
    "a tree two thousand wide": "or=(" + ",".join(["qty.eq.1"] * 2000) + ")",
    "an unclosed tree": "or=(qty.eq.1",
    "an empty tree": "or=()",
    "an unclosed list": "name=in.(a,b",
    "an unclosed quote": 'name=in.("a',
    "a regular expression that does not compile": "name=match.(((",
    "a language that is not there": "name=fts(klingon).x",
    "a number out of range": "qty=eq.99999999999999999999",
    "a limit below nothing": "limit=-1",
}


@pytest.mark.parametrize("case", REFUSED_QUERIES)
def test_a_crooked_query_is_refused(gateway: Served, ada: Person, case: str) -> None:
    answer = gateway.raw("GET", f"/rest/v1/items?{REFUSED_QUERIES[case]}", token=ada.token)

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"]


MANY = {
    "columns": "select=" + ",".join(["name"] * 2100),
    "orders": "order=" + ",".join(["name"] * 2100),
    "filters": "&".join(["qty=gt.1"] * 2100),
}


@pytest.mark.parametrize("what", MANY)
def test_more_than_two_thousand_of_one_kind_are_not_read(
    gateway: Served, ada: Person, what: str
) -> None:
    answer = gateway.raw("GET", f"/rest/v1/items?{MANY[what]}", token=ada.token)

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST127")


FRUITLESS = {
    "a condition in a value": "name=eq.x'+or+'1'='1",
    "a subquery in a list": "name=in.(x'),(select+1))",
    "an array literal that closes": 'name=in.("a\\"}","b")',
    "a condition in a json key": "meta->>k'||(select+1)||'=eq.1",
    "a comment in a value": "name=eq.x'--",
    "an escape in a value": "name=eq.x\\'",
    "a nul in a value": "name=eq.a%00b",
    "bytes that are no text": "name=eq.%FF%FE",
    "half a pair of surrogates": "name=eq.%ED%A0%80",
    "sixty thousand letters": "name=eq." + "x" * 60000,
}


@pytest.mark.parametrize("case", FRUITLESS)
def test_a_hostile_value_finds_nothing(gateway: Served, ada: Person, case: str) -> None:
    answer = gateway.raw("GET", f"/rest/v1/items?{FRUITLESS[case]}", token=ada.token)

    assert answer.status_code < 500
    assert answer.status_code >= 400 or answer.json() == []


@pytest.mark.parametrize(
    "select", ["a%25s:name", '"a%25(x)s":name', '"%25%25":name', '"{}":name', '"%25(p0)s":name']
)
def test_a_placeholder_as_a_new_name_is_just_a_name(
    gateway: Served, ada: Person, select: str
) -> None:
    query = f"select={select}&name=eq.n1&limit=1"

    answer = gateway.raw("GET", f"/rest/v1/items?{query}", token=ada.token)

    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or list(answer.json()[0].values()) == ["n1"]


def test_a_limit_that_is_no_number_is_passed_over(gateway: Served, ada: Person) -> None:
    answer = gateway.raw("GET", "/rest/v1/items?limit=1%3Bdrop+table+items", token=ada.token)

    assert len(answer.json()) == 10


OUT_OF_REACH: dict[str, tuple[str, dict[str, Any], int]] = {
    "another schema by header": ("/rest/v1/users", {"Accept-Profile": "auth"}, 406),
    "another schema by quoting": ("/rest/v1/users", {"Accept-Profile": 'public","auth'}, 406),
    "another schema in the path": ("/rest/v1/auth.users", {}, 404),
    "another path by dots": ("/rest/v1/..%2Fauth%2Fv1%2Fadmin%2Fusers", {}, 404),
    "the system catalog": ("/rest/v1/pg_authid", {}, 404),
    "the system catalog with its schema": ("/rest/v1/pg_catalog.pg_authid", {}, 404),
    "a longer path": ("/rest/v1/items/1", {}, 404),
    "the description of everything": ("/rest/v1/", {}, 400),
    "a path outside": ("/pg/query", {}, 404),
}


@pytest.mark.parametrize("case", OUT_OF_REACH)
def test_what_is_not_exposed_is_out_of_reach(gateway: Served, ada: Person, case: str) -> None:
    path, headers, status = OUT_OF_REACH[case]

    answer = gateway.raw("GET", path, token=ada.token, headers=headers)

    assert answer.status_code == status
    assert answer.json()["message"]


@pytest.mark.parametrize("function", ["pg_read_file", "set_config", "pg_sleep", "auth.uid", "%s"])
def test_functions_of_postgresql_cannot_be_called(
    gateway: Served, ada: Person, function: str
) -> None:
    body = {"filename": "/etc/passwd"}

    answer = gateway.raw("POST", f"/rest/v1/rpc/{function}", token=ada.token, json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202")


BAD_BODIES: dict[str, tuple[str, bytes]] = {
    "a column that closes": ("", b'{"name\\",\\"owner) select 1;--": 1}'),
    "a columns parameter that closes": ('?columns="name)%20select"', b'[{"name": "q"}]'),
    "a conflict that closes": (
        "?on_conflict=owner)%20do%20nothing--",
        b'{"name": "q"}',
    ),
    "a list of numbers": ("", b"[1, 2]"),
    "different keys": ("", b'[{"name": "a"}, {"qty": 1}]'),
    "half a pair of surrogates": ("", b'{"name": "\\ud800"}'),
    "a nul": ("", b'{"name": "a\\u0000b"}'),
    "bytes that are no text": ("", b'{"name": "\xff"}'),
    "not a number": ("", b'{"name": "q", "qty": NaN}'),
    "a broken end": ("", b'{"name": "q"'),
    "twenty thousand brackets": ("", b"[" * 20000),
    "a document within limits but far too deep": ("", b'{"meta":' * 5000 + b"1" + b"}" * 5000),
    "a very long number": ("", b'{"name": "q", "qty": ' + b"9" * 5000 + b"}"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_crooked_body_is_refused(gateway: Served, ada: Person, case: str) -> None:
    query, body = BAD_BODIES[case]
    headers = {**JSON, "Prefer": "resolution=merge-duplicates"}

    answer = gateway.raw(
        "POST", f"/rest/v1/items{query}", token=ada.token, headers=headers, content=body
    )

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"]


def test_a_body_that_is_too_large_is_refused_early(gateway: Served, ada: Person) -> None:
    body = b"[" + b" " * (9 << 20) + b"]"

    for path in ("/rest/v1/items", "/auth/v1/token?grant_type=password"):
        answer = gateway.raw("POST", path, token=ada.token, headers=JSON, content=body)
        assert answer.status_code == 413


@pytest.mark.parametrize("zone", ["UTC'; set role service_role", "Nowhere/At_All", ""])
def test_a_time_zone_is_only_ever_a_time_zone(gateway: Served, ada: Person, zone: str) -> None:
    headers = {"Prefer": f"timezone={zone}"}

    answer = gateway.raw("GET", "/rest/v1/rpc/whoami", token=ada.token, headers=headers)

    strict = {"Prefer": f"handling=strict, timezone={zone}"}
    refused = gateway.raw("GET", "/rest/v1/rpc/whoami", token=ada.token, headers=strict)

    assert (answer.json()["zone"], answer.json()["role"]) == ("UTC", "authenticated")
    assert (refused.status_code, refused.json()["code"]) == (400, "PGRST122")


SIGN_INS: dict[str, Any] = {
    "a condition in the address": {"email": "ada@example.com' or '1'='1", "password": "x"},
    "a nul in the address": {"email": "ada@example.com\0", "password": "x"},
    "half a pair of surrogates in the password": {"email": "ada@example.com", "password": "\ud800"},
    "half a megabyte of password": {"email": "ada@example.com", "password": "x" * (1 << 19)},
    "half a megabyte of address": {"email": "a@" + "a." * (1 << 18) + "@", "password": "x"},
}


@pytest.mark.parametrize("case", SIGN_INS)
def test_a_crooked_sign_in_is_just_a_wrong_one(gateway: Served, case: str) -> None:
    body = json.dumps(SIGN_INS[case])

    answer = gateway.raw("POST", "/auth/v1/token?grant_type=password", content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_credentials")


def test_an_address_is_not_read_beyond_its_longest(gateway: Served) -> None:
    # By the pattern of an address alone it would take the gateway days.
    body = json.dumps({"email": "a@" + "a." * (1 << 18) + "@", "password": "correct horse"})

    answer = gateway.raw("POST", "/auth/v1/signup", content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert answer.json()["message"] == "An email address is too long"


def test_a_refused_call_names_no_more_arguments_than_a_function_can_have(
    gateway: Served, ada: Person
) -> None:
    body = json.dumps({f"k{number:05}": 1 for number in range(20_000)})

    answer = gateway.raw("POST", "/rest/v1/rpc/ping", token=ada.token, content=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202")
    assert answer.json()["message"].count("k0") == 100


@pytest.mark.parametrize("body", [b"[]", b"{", b"1", b"[" * 20000, b"\xff"])
def test_a_sign_in_that_is_no_object_is_refused(gateway: Served, body: bytes) -> None:
    path = "/auth/v1/token?grant_type=password"

    answer = gateway.raw("POST", path, headers=JSON, content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_json")


@pytest.mark.parametrize("user_id", ["x", "1' or '1'='1", "..%2F..", "%00"])
def test_a_crooked_user_id_is_refused(gateway: Served, user_id: str) -> None:
    headers = {"apikey": gateway.config.secret_key}

    answer = gateway.raw("DELETE", f"/auth/v1/admin/users/{user_id}", headers=headers)

    assert answer.status_code == 404


def test_another_hosts_name_is_refused(gateway: Served) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", ""):
        answer = gateway.raw("GET", "/health", headers={"Host": host})
        assert answer.status_code == 421
    for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert gateway.raw("GET", "/health", headers={"Host": host}).status_code == 200


def test_no_web_page_is_invited(gateway: Served, ada: Person) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}

    for method in ("GET", "OPTIONS"):
        answer = gateway.raw(method, "/rest/v1/items", token=ada.token, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_roles_never_leak_between_callers_who_share_connections(
    gateway: Served, ada: Person
) -> None:
    secret = {"apikey": gateway.config.secret_key}
    callers: list[tuple[dict[str, Any], str]] = [
        ({"token": ada.token}, "authenticated"),
        ({"headers": secret}, "service_role"),
        ({}, "anon"),
    ]

    for caller, role in callers * 20:
        answer: httpx.Response = gateway.raw("GET", "/rest/v1/rpc/whoami", **caller)
        assert answer.json()["user"] == role
