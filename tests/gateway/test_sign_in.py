"""This file is where signing in and keeping users are shown to work as on the platform."""

import secrets
import uuid
from typing import Any

import jwt
import psycopg
import pytest
from supabase_auth.errors import AuthApiError, AuthWeakPasswordError

from tests.gateway.conftest import PASSWORD, Person, Served


def sign_in(gateway: Served, email: str, password: str = PASSWORD) -> Any:
    return gateway.client().auth.sign_in_with_password({"email": email, "password": password})


def code_of(refused: pytest.ExceptionInfo[AuthApiError]) -> tuple[int, str | None]:
    return refused.value.status, refused.value.code


def test_a_good_password_opens_a_session(gateway: Served, email: str) -> None:
    session = sign_in(gateway, email.upper()).session

    assert (session.user.email, session.token_type, session.expires_in) == (email, "bearer", 3600)
    claims = jwt.decode(session.access_token, options={"verify_signature": False})
    assert claims["iss"] == f"{gateway.config.url}/auth/v1"
    assert (claims["role"], claims["aud"]) == ("authenticated", "authenticated")
    assert claims["sub"] == session.user.id


def test_a_token_can_be_checked_without_asking_again(gateway: Served, email: str) -> None:
    token = sign_in(gateway, email).session.access_token

    assert gateway.client().auth.get_claims(token)["claims"]["email"] == email


@pytest.mark.parametrize("password", ["wrong", "x" * 100, PASSWORD + "\0"])
def test_a_bad_password_and_an_unknown_user_look_the_same(
    gateway: Served, email: str, password: str
) -> None:
    for address in (email, f"{secrets.token_hex(4)}@example.com"):
        with pytest.raises(AuthApiError) as refused:
            sign_in(gateway, address, password)
        assert code_of(refused) == (400, "invalid_credentials")
        assert refused.value.message == "Invalid login credentials"


def test_who_has_not_confirmed_their_address_stays_outside(gateway: Served) -> None:
    address = f"{secrets.token_hex(6)}@example.com"
    gateway.service.auth.admin.create_user({"email": address, "password": PASSWORD})

    with pytest.raises(AuthApiError) as refused:
        sign_in(gateway, address)

    assert code_of(refused) == (400, "email_not_confirmed")


def test_a_banned_user_stays_outside(
    gateway: Served, email: str, superuser: psycopg.Connection[Any]
) -> None:
    session = sign_in(gateway, email).session
    ban = "update auth.users set banned_until = now() + interval '1 hour' where email = %s"
    superuser.execute(ban, [email])

    with pytest.raises(AuthApiError) as refused:
        sign_in(gateway, email)
    assert code_of(refused) == (400, "user_banned")
    with pytest.raises(AuthApiError) as refused:
        gateway.client().auth.refresh_session(session.refresh_token)
    assert code_of(refused) == (400, "user_banned")
    with pytest.raises(AuthApiError) as refused:
        gateway.client().auth.get_user(session.access_token)
    assert code_of(refused) == (403, "user_banned")


def test_a_refresh_token_gives_the_next_one(gateway: Served, email: str) -> None:
    first = sign_in(gateway, email).session

    second = gateway.client().auth.refresh_session(first.refresh_token).session
    third = gateway.client().auth.refresh_session(second.refresh_token).session

    tokens = {first.refresh_token, second.refresh_token, third.refresh_token}
    assert len(tokens) == 3
    assert gateway.client().auth.get_user(third.access_token).user.email == email


def test_two_tabs_may_refresh_at_the_same_moment(gateway: Served, email: str) -> None:
    first = sign_in(gateway, email).session

    for _ in range(2):
        assert gateway.client().auth.refresh_session(first.refresh_token).session


@pytest.mark.parametrize(
    ("scope", "left"),
    [("global", (False, False)), ("local", (False, True)), ("others", (True, False))],
)
def test_signing_out_ends_the_sessions_it_says(
    gateway: Served, email: str, scope: Any, left: tuple[bool, bool]
) -> None:
    client = gateway.client()
    mine = client.auth.sign_in_with_password({"email": email, "password": PASSWORD}).session
    other = sign_in(gateway, email).session

    client.auth.sign_out({"scope": scope})

    def is_open(session: Any) -> bool:
        shown = gateway.raw("GET", "/auth/v1/user", token=session.access_token)
        return shown.json().get("code") != "session_not_found"

    assert (is_open(mine), is_open(other)) == left


def test_people_change_their_password_and_their_data(gateway: Served, email: str) -> None:
    client = gateway.client()
    client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    client.auth.update_user({"password": "another one", "data": {"theme": "dark"}})

    user = sign_in(gateway, email, "another one").user

    verified = {"email_verified": True}
    assert user.user_metadata == {"theme": "dark", **verified}
    client.auth.update_user({"data": {"theme": None, "size": 2}})
    user = sign_in(gateway, email, "another one").user
    assert user.user_metadata == {"size": 2, **verified}
    with pytest.raises(AuthApiError) as refused:
        client.auth.update_user({"password": "another one"})
    assert code_of(refused) == (422, "same_password")
    with pytest.raises(AuthWeakPasswordError):
        client.auth.update_user({"password": ""})


def test_signing_up_gives_a_plain_user(gateway: Served) -> None:
    address = f"{secrets.token_hex(6)}@example.com"
    # As supabase-js says it; supabase-py is below.
    body = {
        "email": address,
        "password": PASSWORD,
        "data": {"name": "Åsa"},
        "gotrue_meta_security": {},
        "code_challenge": None,
        "code_challenge_method": None,
    }

    path = "/auth/v1/signup?redirect_to=http%3A%2F%2Flocalhost"
    user = gateway.raw("POST", path, json=body).json()["user"]

    assert (user["role"], user["aud"]) == ("authenticated", "authenticated")
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    with pytest.raises(AuthApiError) as refused:
        gateway.client().auth.sign_up({"email": address, "password": PASSWORD})
    assert code_of(refused) == (422, "user_already_exists")
    with pytest.raises(AuthWeakPasswordError) as weak:
        gateway.client().auth.sign_up({"email": f"2{address}", "password": "x"})
    assert weak.value.reasons == ["length"]


def test_the_secret_key_keeps_the_users(gateway: Served) -> None:
    admin = gateway.service.auth.admin
    wanted = {
        "email": f"{secrets.token_hex(6)}@example.com",
        "password": PASSWORD,
        "email_confirm": True,
        "app_metadata": {"team": "red"},
        "user_metadata": {"name": "Åsa"},
    }

    user = admin.create_user(wanted).user
    assert user.app_metadata["team"] == "red"
    assert [found.id for found in admin.list_users(page=1, per_page=1)] == [user.id]
    shown = {"name": "Åsa", "email_verified": True}
    assert admin.get_user_by_id(user.id).user.user_metadata == shown
    changed = admin.update_user_by_id(user.id, {"user_metadata": {"x": 1}}).user
    assert changed.user_metadata == {**shown, "x": 1}
    with pytest.raises(AuthApiError) as refused:
        admin.create_user(wanted)
    assert code_of(refused) == (422, "email_exists")

    admin.delete_user(user.id)
    with pytest.raises(AuthApiError) as refused:
        admin.get_user_by_id(user.id)
    assert code_of(refused) == (404, "user_not_found")


def test_nobody_else_keeps_the_users(gateway: Served, ada: Person) -> None:
    for client in (gateway.client(), ada.client):
        with pytest.raises(AuthApiError) as refused:
            client.auth.admin.list_users()
        assert code_of(refused) == (403, "not_admin")


def test_a_deleted_user_is_signed_out(gateway: Served) -> None:
    address = f"{secrets.token_hex(6)}@example.com"
    user_id = gateway.add_user(address)
    session = sign_in(gateway, address).session
    gateway.service.auth.admin.delete_user(user_id)

    with pytest.raises(AuthApiError) as refused:
        gateway.client().auth.get_user(session.access_token)
    assert code_of(refused) == (403, "user_not_found")
    with pytest.raises(AuthApiError) as refused:
        gateway.client().auth.refresh_session(session.refresh_token)
    assert code_of(refused) == (400, "refresh_token_not_found")


LEFT_OUT = {
    "a link by mail": ("POST", "otp", {"email": "a@example.com"}),
    "a forgotten password": ("POST", "recover", {"email": "a@example.com"}),
    "an invitation": ("POST", "invite", {"email": "a@example.com"}),
    "a code exchange": ("POST", "token?grant_type=pkce", {"auth_code": "x"}),
    "a second factor": ("POST", "factors", {}),
    "another address": ("PUT", "user", {"email": "other@example.com"}),
    "another provider": ("GET", "authorize?provider=github", None),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_left_out_says_so(gateway: Served, ada: Person, case: str) -> None:
    method, path, body = LEFT_OUT[case]

    answer = gateway.raw(method, f"/auth/v1/{path}", token=ada.token, json=body)

    assert (answer.status_code, answer.json()["code"]) == (501, "not_implemented")


def test_passwords_and_tokens_are_never_shown(gateway: Served, ada: Person) -> None:
    shown = gateway.raw("GET", "/auth/v1/user", token=ada.token).text

    assert "password" not in shown
    assert "$2" not in shown


def test_an_unknown_user_cannot_be_looked_up(gateway: Served) -> None:
    with pytest.raises(AuthApiError) as refused:
        gateway.service.auth.admin.get_user_by_id(str(uuid.uuid4()))

    assert code_of(refused) == (404, "user_not_found")


def test_a_user_is_not_half_deleted(gateway: Served, email: str) -> None:
    admin = gateway.service.auth.admin
    (user,) = [found for found in admin.list_users(per_page=1000) if found.email == email]

    with pytest.raises(AuthApiError) as refused:
        admin.delete_user(user.id, should_soft_delete=True)

    assert code_of(refused) == (501, "not_implemented")
    assert admin.get_user_by_id(user.id).user.email == email
