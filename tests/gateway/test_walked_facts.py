"""This file is where smaller habits of the platform are kept: clocks, headers, empty lists."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest

from tests.gateway.conftest import Person, Served

pytestmark = pytest.mark.usefixtures("items")


def signed(gateway: Served, **claims: object) -> str:
    private = json.loads(Path(gateway.config.key_file).read_text())
    says = {"role": "authenticated", "exp": int(time.time()) + 600, **claims}
    return jwt.encode(says, jwt.PyJWK(private).key, "ES256", {"kid": private["kid"]})


@pytest.mark.parametrize(
    ("claim", "seconds", "status"),
    [("exp", -5, 200), ("exp", -300, 401), ("nbf", 5, 200), ("nbf", 300, 401), ("iat", 5, 200)],
)
def test_clocks_may_differ_by_half_a_minute(
    gateway: Served, claim: str, seconds: int, status: int
) -> None:
    token = signed(gateway, **{claim: int(time.time()) + seconds})

    answer = gateway.raw("GET", "/rest/v1/rpc/whoami", token=token)

    assert answer.status_code == status, answer.text


def test_an_empty_list_finds_nothing(gateway: Served, ada: Person) -> None:
    for query, many in (("name=in.()", 0), ("name=not.in.()", 10)):
        answer = gateway.raw("GET", f"/rest/v1/items?{query}", token=ada.token)
        assert len(answer.json()) == many


def test_an_error_without_a_body_names_its_code_in_a_header(gateway: Served, ada: Person) -> None:
    answer = gateway.raw("HEAD", "/rest/v1/nowhere", token=ada.token)

    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["Proxy-Status"] == "PostgREST; error=PGRST205"


def test_answers_of_auth_say_which_version_they_are(gateway: Served) -> None:
    body = {"email": "nobody@example.com", "password": "wrong password"}
    headers = {"X-Supabase-Api-Version": "2024-01-01"}

    answer = gateway.raw("POST", "/auth/v1/token?grant_type=password", headers=headers, json=body)

    assert answer.headers["X-Supabase-Api-Version"] == "2024-01-01"


def test_nobody_waits_for_a_lock_longer_than_eight_seconds(
    superuser: psycopg.Connection[Any],
) -> None:
    row = superuser.execute(
        "select rolconfig from pg_roles where rolname = 'authenticator'"
    ).fetchone()

    assert row is not None
    assert {"lock_timeout=8s", "statement_timeout=8s"} <= set(row[0])


def test_a_visitor_who_may_not_is_asked_to_sign_in(gateway: Served) -> None:
    answer = gateway.raw("DELETE", "/rest/v1/items?name=eq.x")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_weak_password_is_refused_with_its_reasons(gateway: Served) -> None:
    body = {"email": "weak@example.com", "password": "123"}

    answer = gateway.raw("POST", "/auth/v1/signup", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
    assert answer.json()["weak_password"]["reasons"] == ["length"]
