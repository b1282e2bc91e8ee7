"""This file is where Auth is held to what the real one does, Supabase Auth v2.196.0."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from supabase_auth.errors import AuthApiError, AuthWeakPasswordError

from tests.gateway.conftest import PASSWORD, Person, Served
from tests.gateway.test_sign_in import code_of, sign_in

TOKEN = "token?grant_type="


def test_sessionless_tokens_sign_out_everywhere(gateway: Served, email: str) -> None:
    session = sign_in(gateway, email).session
    claims = jwt.decode(session.access_token, options={"verify_signature": False})
    del claims["session_id"]
    private = gateway.private_key()
    old = jwt.encode(claims, jwt.PyJWK(private).key, "ES256", {"kid": private["kid"]})

    assert gateway.raw("POST", "/auth/v1/logout?scope=local", token=old).status_code == 204

    shown = gateway.raw("GET", "/auth/v1/user", token=session.access_token)
    assert shown.json()["code"] == "session_not_found"


@pytest.mark.parametrize("header", ["Basic eDp4", "Bearer", "x.y.z", "Bearer a b"])
def test_who_shows_something_else_than_a_token_is_told_so(gateway: Served, header: str) -> None:
    answer = gateway.raw("GET", "/auth/v1/user", headers={"Authorization": header})

    told = "This endpoint requires a valid Bearer token"
    assert (answer.status_code, answer.json()["message"]) == (401, told)


def test_who_signs_in_shows_no_token(gateway: Served, email: str) -> None:
    given = {"email": email, "password": PASSWORD}

    answer = gateway.raw("POST", f"/auth/v1/{TOKEN}password", token="x.y.z", json=given)

    assert answer.status_code == 200
    # Beside the session stands that the password is not weak.
    assert answer.json()["weak_password"] is None


def test_a_method_that_an_endpoint_lacks_is_405(gateway: Served, ada: Person) -> None:
    def allowed(method: str, path: str) -> tuple[int, str | None]:
        answer = gateway.raw(method, f"/auth/v1/{path}", token=ada.token)
        return answer.status_code, answer.headers.get("allow")

    assert allowed("PATCH", "user") == (405, "GET, PUT")
    assert allowed("HEAD", "user/") == (405, "GET, PUT")
    assert allowed("GET", "token") == (405, "POST")
    assert allowed("POST", ".well-known/jwks.json") == (405, "GET")


def test_old_clients_get_the_old_shape(gateway: Served) -> None:
    for version in ("", "2023-12-31", "20240101", "soon"):
        headers = {"X-Supabase-Api-Version": version}
        answer = gateway.raw("POST", "/auth/v1/token", headers=headers)
        said = {"error_code": "invalid_credentials", "msg": "unsupported_grant_type"}
        assert answer.json() == {"code": 400, **said}
        assert "x-supabase-api-version" not in answer.headers


def ages(superuser: psycopg.Connection[Any], seconds: int) -> None:
    """Lets time pass for all refresh tokens."""
    step = "update auth.refresh_tokens set updated_at = updated_at - %s * interval '1 second'"
    superuser.execute(step, [seconds])


def refresh(gateway: Served, token: str) -> httpx.Response:
    body = {"refresh_token": token}
    return gateway.raw("POST", f"/auth/v1/{TOKEN}refresh_token", json=body)


def test_who_lost_the_answer_gets_it_again(
    gateway: Served, email: str, superuser: psycopg.Connection[Any]
) -> None:
    first = sign_in(gateway, email).session.refresh_token
    second = refresh(gateway, first).json()["refresh_token"]

    ages(superuser, 3600)

    assert refresh(gateway, first).json()["refresh_token"] == second
    assert refresh(gateway, second).json()["refresh_token"] not in (first, second)


def test_eight_tabs_get_one_token(gateway: Served, email: str) -> None:
    token = sign_in(gateway, email).session.refresh_token

    with ThreadPoolExecutor(8) as tabs:
        answers = list(tabs.map(lambda _: refresh(gateway, token), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


def test_a_copied_refresh_token_ends_the_refreshing(
    gateway: Served, email: str, superuser: psycopg.Connection[Any]
) -> None:
    stolen = sign_in(gateway, email).session.refresh_token
    other = sign_in(gateway, email).session.refresh_token
    parent = refresh(gateway, stolen).json()["refresh_token"]
    current = refresh(gateway, parent).json()
    ages(superuser, 11)

    spent = refresh(gateway, stolen)
    assert (spent.status_code, spent.json()["code"]) == (400, "refresh_token_already_used")
    ages(superuser, 11)
    spent = refresh(gateway, current["refresh_token"])
    assert (spent.status_code, spent.json()["code"]) == (400, "refresh_token_already_used")
    # Only its tokens are void: the session lasts as long as its access token, and others go on.
    shown = gateway.raw("GET", "/auth/v1/user", token=current["access_token"])
    assert shown.status_code == refresh(gateway, other).status_code == 200


def test_a_refreshed_token_tells_when_the_password_was_given(
    gateway: Served, email: str, superuser: psycopg.Connection[Any]
) -> None:
    session = sign_in(gateway, email).session
    earlier = "update auth.sessions set created_at = created_at - interval '1 hour'"
    superuser.execute(earlier)

    token = refresh(gateway, session.refresh_token).json()["access_token"]

    claims = jwt.decode(token, options={"verify_signature": False})
    (how,) = claims["amr"]
    assert how["method"] == "password"
    assert 3500 < claims["iat"] - how["timestamp"] < 3700


def test_a_new_password_ends_the_other_sessions(gateway: Served, email: str) -> None:
    mine, other = sign_in(gateway, email).session, sign_in(gateway, email).session

    def is_open(session: Any) -> bool:
        shown = gateway.raw("GET", "/auth/v1/user", token=session.access_token)
        return shown.status_code == 200 and refresh(gateway, session.refresh_token).is_success

    change = {"password": "another one"}
    assert gateway.raw("PUT", "/auth/v1/user", token=mine.access_token, json=change).is_success
    assert (is_open(mine), is_open(other)) == (True, False)
    set_by_admin = {"password": "a third one"}
    gateway.service.auth.admin.update_user_by_id(mine.user.id, set_by_admin)
    assert not is_open(mine)
    assert is_open(sign_in(gateway, email, "a third one").session)


def test_a_users_own_address_is_no_change(gateway: Served, ada: Person) -> None:
    same = {"email": ada.email.upper(), "phone": "", "nonce": "", "current_password": None}

    answer = gateway.raw("PUT", "/auth/v1/user", token=ada.token, json=same)

    assert (answer.status_code, answer.json()["email"]) == (200, ada.email)


def test_who_signs_up_is_described_as_on_the_platform(gateway: Served) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    claimed = {
        "name": "Åsa",
        "age": None,
        "sub": "root",
        "email": "x@example.com",
        "big": 10**17 + 1,
    }

    session = (
        gateway.client()
        .auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": claimed}})
        .session
    )

    said = {"sub": session.user.id, "email": email, "email_verified": True, "phone_verified": False}
    # Numbers are read as floats there, and so they are here.
    assert session.user.user_metadata == {"name": "Åsa", "big": 10**17, **said}
    again = sign_in(gateway, email).user
    assert again.user_metadata == session.user.user_metadata
    (identity,) = again.identities
    assert identity.identity_data == {
        "name": "Åsa", "big": 10**17, **said, "email_verified": False,
    }  # fmt: skip


def test_signing_up_for_an_unconfirmed_address_leaves_its_password(gateway: Served) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    gateway.service.auth.admin.create_user({"email": email, "password": PASSWORD})

    assert gateway.client().auth.sign_up({"email": email, "password": "of another"}).session

    assert sign_in(gateway, email).session
    with pytest.raises(AuthApiError) as refused:
        sign_in(gateway, email, "of another")
    assert code_of(refused) == (400, "invalid_credentials")


def test_an_admin_may_give_a_weak_password_but_it_is_told(gateway: Served) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    wanted = {"email": email, "password": "weak", "email_confirm": True}
    user = gateway.service.auth.admin.create_user(wanted).user

    answer = gateway.raw(
        "POST", f"/auth/v1/{TOKEN}password", json={"email": email, "password": "weak"}
    )

    short = "Password should be at least 6 characters."
    assert answer.json()["weak_password"] == {"message": short, "reasons": ["length"]}
    with pytest.raises(AuthWeakPasswordError):
        gateway.service.auth.admin.update_user_by_id(user.id, {"password": "weak"})


def test_who_is_banned_hears_so_before_the_password_is_looked_at(
    gateway: Served, email: str, superuser: psycopg.Connection[Any]
) -> None:
    ban = "update auth.users set banned_until = now() + interval '1 hour' where email = %s"
    superuser.execute(ban, [email])

    with pytest.raises(AuthApiError) as refused:
        sign_in(gateway, email, "wrong")

    assert code_of(refused) == (400, "user_banned")


def test_a_list_of_users_tells_how_to_go_on(gateway: Served, ada: Person, bob: Person) -> None:
    secret = {"apikey": gateway.config.secret_key}

    def page(query: str) -> httpx.Response:
        return gateway.raw("GET", f"/auth/v1/admin/users{query}", headers=secret)

    total = int(page("").headers["x-total-count"])
    first = page("?per_page=1&page=1")
    nothing = page("?per_page=1&page=9999")

    assert {ada.id, bob.id} <= {user["id"] for user in page(f"?per_page={total}").json()["users"]}
    assert [user["identities"] for user in first.json()["users"]] == [None]
    last = f'</admin/users?page={total}&per_page=1>; rel="last"'
    assert first.headers["link"] == f'</admin/users?page=2&per_page=1>; rel="next", {last}'
    assert (nothing.json()["users"], nothing.headers["link"]) == ([], last)
    assert page("?page=0&per_page=1").json() == first.json()
