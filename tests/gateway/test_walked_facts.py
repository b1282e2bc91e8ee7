"""This file is where smaller habits of the platform are kept: clocks, headers, empty lists."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest

from tests.gateway.conftest import PASSWORD, Person, Served

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


# PostgREST's table (Error.hs, mapSQLtoHTTP) by SQLSTATE, for someone who is signed in.
STATUSES = {
    400: ["0A000", "22012", "23502", "23514", "42601", "42703", "P0001", "ZZ999"],
    403: ["0L000", "0P000", "28000", "42501"],
    404: ["42883", "42P01"],
    405: ["25006"],
    409: ["23503", "23505"],
    402: ["PT402"],
    500: [
        *("09000", "21000", "25001", "2D000", "38000", "39000", "3B000", "40001", "42P17"),
        *("53400", "54000", "55000", "57014", "58000", "F0000", "HV000", "P0002", "PTABC", "XX000"),
    ],
    503: ["08006", "53300", "57P01"],
}


def test_every_class_of_errors_has_its_status(gateway: Served, ada: Person) -> None:
    def status(code: str, words: str = "no") -> int:
        body = {"code": code, "msg": words}
        return gateway.raw("POST", "/rest/v1/rpc/fail", token=ada.token, json=body).status_code

    got = {code: status(code) for codes in STATUSES.values() for code in codes}

    assert got == {code: number for number, codes in STATUSES.items() for code in codes}
    assert status("21000", "DELETE requires a WHERE clause") == 400
    assert (status("22023"), status("22023", 'role "x" does not exist')) == (400, 401)


def test_a_token_without_a_role_is_a_visitors_and_any_audience_will_do(gateway: Served) -> None:
    def user(**claims: object) -> str:
        answer = gateway.raw("GET", "/rest/v1/rpc/whoami", token=signed(gateway, **claims))
        return str(answer.json()["user"])

    private = json.loads(Path(gateway.config.key_file).read_text())
    says = {"exp": int(time.time()) + 600}
    nobody = jwt.encode(says, jwt.PyJWK(private).key, "ES256", {"kid": private["kid"]})

    assert user(aud="elsewhere") == user(aud=["a", "b"]) == "authenticated"
    assert gateway.raw("GET", "/rest/v1/rpc/whoami", token=nobody).json()["user"] == "anon"


def test_a_functions_other_settings_stay_its_own(ada: Person) -> None:
    assert ada.client.rpc("own_path").execute().data == {
        "path": "pg_catalog",
        "user": "authenticated",
    }
    assert ada.client.rpc("whoami").execute().data["path"] == '"public", "extensions"'


def test_a_thousand_rows_are_the_most_of_a_function_too_but_not_of_a_write(ada: Person) -> None:
    spans = [{"id": number, "during": "empty"} for number in range(1001, 2201)]

    assert len(ada.client.rpc("many_rows").execute().data) == 1000
    assert len(ada.client.table("spans").insert(spans).execute().data) == 1200


def test_what_reads_as_a_filter_is_no_argument(gateway: Served, ada: Person) -> None:
    path = "/rest/v1/rpc/search_items?q=n&name=eq.n1&qty=not.is.null&select=name"

    assert gateway.raw("GET", path, token=ada.token).json() == [{"name": "n1"}]


def test_a_document_is_taken_by_post_only(gateway: Served, ada: Person) -> None:
    posted = gateway.raw("POST", "/rest/v1/rpc/pick", token=ada.token, json={"b": 1})
    read = gateway.raw("GET", "/rest/v1/rpc/pick?b=1", token=ada.token)

    assert posted.json() == 'whole {"b":1}'
    assert (read.status_code, read.json()["code"]) == (404, "PGRST202")


def test_is_knows_five_words(gateway: Served, ada: Person) -> None:
    answer = gateway.raw("GET", "/rest/v1/items?done=is.maybe", token=ada.token)

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST100")


def test_a_session_can_be_taken_up_elsewhere(gateway: Served, email: str) -> None:
    first = gateway.client()
    login = {"email": email, "password": PASSWORD}
    session = first.auth.sign_in_with_password(login).session
    assert session is not None

    elsewhere = gateway.client().auth.set_session(session.access_token, session.refresh_token)

    assert elsewhere.user is not None
    assert elsewhere.user.email == email
