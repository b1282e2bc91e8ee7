"""This file is where Auth is held to the words of the real one, Supabase Auth v2.196.0."""

import time
from typing import Any

import jwt
import pytest

from tests.gateway.conftest import Person, Served

TOKEN = "token?grant_type="
BAD_JSON = "Could not parse request body as JSON: "
NO_JWT = "invalid JWT: unable to parse or verify signature, "

WORDS: dict[tuple[str, str, Any], tuple[int, str, str]] = {
    ("POST", f"{TOKEN}password", b""): (400, "bad_json", f"{BAD_JSON}unexpected end of JSON input"),
    ("POST", f"{TOKEN}password", b'{"email":'): (
        400, "bad_json", f"{BAD_JSON}unexpected end of JSON input",
    ),
    ("POST", f"{TOKEN}password", b"{}x"): (
        400, "bad_json", f"{BAD_JSON}invalid character 'x' after top-level value",
    ),
    ("POST", f"{TOKEN}password", b'{"email": NaN}'): (
        400, "bad_json", f"{BAD_JSON}invalid character 'N' looking for beginning of value",
    ),
    ("POST", f"{TOKEN}password", b"[]"): (
        400, "bad_json",
        f"{BAD_JSON}json: cannot unmarshal array into Go value of type api.PasswordGrantParams",
    ),
    ("POST", f"{TOKEN}password", b'{"email":1}'): (
        400, "bad_json",
        f"{BAD_JSON}json: cannot unmarshal number into Go struct field PasswordGrantParams.email"
        " of type string",
    ),
    ("POST", f"{TOKEN}password", b"null"): (400, "validation_failed", "missing email or phone"),
    ("POST", f"{TOKEN}password", b'{"password":"x"}'): (
        400, "validation_failed", "missing email or phone",
    ),
    ("POST", f"{TOKEN}password", b'{"phone":"1","email":"a@example.com"}'): (
        400, "validation_failed",
        "Only an email address or phone number should be provided on login.",
    ),
    ("POST", f"{TOKEN}password", b'{"phone":"1","password":"x"}'): (
        422, "phone_provider_disabled", "Phone logins are disabled",
    ),
    ("POST", f"{TOKEN}password", b" " * (1 << 20) + b"{}"): (
        413, "request_entity_too_large", "Request body too large (max 1048576 bytes)",
    ),
    ("POST", f"{TOKEN}password&grant_type=pkce", b"{}"): (
        400, "validation_failed", "missing email or phone",
    ),
    ("POST", f"{TOKEN}PASSWORD", b"{}"): (400, "invalid_credentials", "unsupported_grant_type"),
    ("POST", "token", b"{}"): (400, "invalid_credentials", "unsupported_grant_type"),
    ("POST", f"{TOKEN}refresh_token", b"{}"): (
        400, "validation_failed", "Refresh token is not valid",
    ),
    ("POST", f"{TOKEN}refresh_token", b'{"refresh_token":"ABCDEFGHIJKL"}'): (
        400, "validation_failed", "Refresh token is not valid",
    ),
    ("POST", f"{TOKEN}refresh_token", b'{"refresh_token":"a\\u0000cdefghijk"}'): (
        400, "validation_failed", "Refresh token is not valid",
    ),
    ("POST", f"{TOKEN}refresh_token", b'{"refresh_token":"abcdefghijkl"}'): (
        400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found",
    ),
    ("POST", "signup", b'{"email":"a@example.com"}'): (
        400, "validation_failed", "Signup requires a valid password",
    ),
    ("POST", "signup", b'{"email":"a b@example.com","password":"correct horse"}'): (
        400, "validation_failed", "Unable to validate email address: invalid format",
    ),
    ("POST", "signup", b'{"email":"%s@example.com","password":"correct horse"}' % (b"a" * 250)): (
        400, "validation_failed", "An email address is too long",
    ),
    ("POST", "signup", b'{"email":"a@example.com","password":"%s"}' % ("ü" * 37).encode()): (
        400, "validation_failed", "Password cannot be longer than 72 characters",
    ),
    ("POST", "signup", b'{"email":"a@example.com","password":"short"}'): (
        422, "weak_password", "Password should be at least 6 characters.",
    ),
    ("POST", "signup", b'{"email":"a@e.com","password":"123456","code_challenge":"x"}'): (
        400, "validation_failed", "PKCE flow requires code_challenge_method and code_challenge",
    ),
    ("POST", "signup", b'{"email":"a@e.com","password":"123456","data":[]}'): (
        400, "bad_json",
        f"{BAD_JSON}json: cannot unmarshal array into Go struct field SignupParams.data of type"
        " map[string]interface {}",
    ),
    ("PUT", "user", b'{"password":5}'): (
        400, "bad_json",
        f"{BAD_JSON}json: cannot unmarshal number into Go struct field UserUpdateParams.password"
        " of type string",
    ),
    ("PUT", "user", b'{"email":"nonsense"}'): (
        400, "validation_failed", "Unable to validate email address: invalid format",
    ),
    ("PUT", "user", b""): (400, "bad_json", f"{BAD_JSON}unexpected end of JSON input"),
    ("POST", 'logout?scope=a"b', b""): (
        400, "validation_failed", 'Unsupported logout scope "a\\"b"',
    ),
    ("GET", "admin/users/x", b""): (403, "not_admin", "User not allowed"),
}  # fmt: skip


@pytest.mark.parametrize(
    "request_", WORDS, ids=lambda request_: f"{request_[1]} {request_[2]!r:.60}"
)
def test_a_refusal_has_the_same_status_code_and_words(
    gateway: Served, ada: Person, request_: tuple[str, str, Any]
) -> None:
    method, path, body = request_

    answer = gateway.raw(method, f"/auth/v1/{path}", token=ada.token, content=body)

    told = answer.json()
    assert (answer.status_code, told["code"], told["message"]) == WORDS[request_]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-supabase-api-version"] == "2024-01-01"
    # Of weak passwords alone the real one does not repeat the code.
    shown = answer.headers.get("x-sb-error-code", "weak_password")
    assert shown == told["code"]


ADMIN_WORDS: dict[str, tuple[int, str, str]] = {
    "POST {}": (
        400, "validation_failed", "Cannot create a user without either an email or phone",
    ),
    'POST {"email": "a@example.com", "id": "x"}': (
        400, "validation_failed", "ID must conform to the uuid v4 format",
    ),
    'POST {"email": "a@example.com", "id": "00000000000000000000000000000000"}': (
        400, "validation_failed", "ID cannot be a nil uuid",
    ),
    'POST {"email": " a@example.com", "password": "%s"}' % ("x" * 73): (
        400, "validation_failed", "Unable to validate email address: invalid format",
    ),
    'POST {"email": "a@example.com", "email_confirm": "yes"}': (
        400, "bad_json",
        f"{BAD_JSON}json: cannot unmarshal string into Go struct field"
        " AdminUserParams.email_confirm of type bool",
    ),
    "GET ?page=x": (
        400, "validation_failed",
        'Bad Pagination Parameters: strconv.ParseUint: parsing "x": invalid syntax',
    ),
    f"GET ?per_page={2**64}": (
        400, "validation_failed",
        f'Bad Pagination Parameters: strconv.ParseUint: parsing "{2**64}": value out of range',
    ),
    "PUT /x": (404, "validation_failed", "user_id must be an UUID"),
    "GET /%2F": (404, "validation_failed", "user_id must be an UUID"),
}  # fmt: skip


@pytest.mark.parametrize("request_", ADMIN_WORDS)
def test_the_admin_hears_the_same_words(gateway: Served, request_: str) -> None:
    method, rest = request_.split(" ", 1)
    path, body = ("", rest) if rest.startswith("{") else (rest, "")
    secret = {"apikey": gateway.config.secret_key}

    answer = gateway.raw(method, f"/auth/v1/admin/users{path}", headers=secret, content=body)

    told = answer.json()
    assert (answer.status_code, told["code"], told["message"]) == ADMIN_WORDS[request_]


TOKENS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "just expired": (
        {"exp": -1}, 403, "bad_jwt", f"{NO_JWT}token has invalid claims: token is expired",
    ),
    "not valid yet": (
        {"nbf": 10}, 403, "bad_jwt", f"{NO_JWT}token has invalid claims: token is not valid yet",
    ),
    "for nobody": ({"sub": ""}, 403, "bad_jwt", "invalid claim: missing sub claim"),
    "for a name": ({"sub": "x"}, 400, "bad_jwt", "invalid claim: sub claim must be a UUID"),
    "of a strange session": (
        {"session_id": "x"}, 403, "bad_jwt", "invalid claim: session_id claim must be a UUID",
    ),
    "with a number as role": (
        {"role": 5}, 403, "bad_jwt",
        f"{NO_JWT}token is malformed: could not JSON decode claim: json: cannot unmarshal number"
        " into Go struct field Claims.role of type string",
    ),
    "for no audience": (
        {"aud": ""}, 400, "validation_failed",
        "Token audience doesn't match request audience",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOKENS)
def test_a_crooked_token_is_refused_in_the_same_words(
    gateway: Served, ada: Person, case: str
) -> None:
    changes, *expected = TOKENS[case]
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    now = int(time.time())
    moved = {
        name: now + value if name in ("exp", "nbf") else value for name, value in changes.items()
    }
    private = gateway.private_key()
    token = jwt.encode(
        {**claims, **moved}, jwt.PyJWK(private).key, "ES256", {"kid": private["kid"]}
    )

    answer = gateway.raw("GET", "/auth/v1/user", token=token)

    assert [answer.status_code, *answer.json().values()] == expected
