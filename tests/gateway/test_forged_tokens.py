"""This file is where forged tokens and wrong keys are shown to open nothing."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from local.gateway.errors import ApiError
from local.gateway.tokens import Keys
from tests.gateway.conftest import Person, Served


def _encode(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _forge(header: dict[str, Any], secret: bytes | None, **claims: Any) -> str:
    """A token that says it is the service role, signed by HMAC or not at all."""
    says = {"role": "service_role", "exp": int(time.time()) + 999, **claims}
    signed = _encode(json.dumps(header).encode()) + b"." + _encode(json.dumps(says).encode())
    mac = b"" if secret is None else _encode(hmac.new(secret, signed, hashlib.sha256).digest())
    return (signed + b"." + mac).decode()


def _elliptic(kid: str, header: dict[str, Any] | None = None) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    claims = {"role": "service_role", "exp": int(time.time()) + 999}
    named = {"kid": kid, **({"jwk": public} if header is None else header)}
    return jwt.encode(claims, key, "ES256", named)


def _pem(public: dict[str, Any]) -> bytes:
    key: Any = jwt.PyJWK(public).key
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.PEM, form))


FORGERIES: dict[str, Callable[[dict[str, Any]], str]] = {
    "without a signature": lambda key: _forge({"alg": "none", "kid": key["kid"]}, None),
    "without a signature or a key": lambda _: _forge({"alg": "none"}, None),
    "signed with the public key's PEM": lambda key: _forge(
        {"alg": "HS256", "kid": key["kid"]}, _pem(key)
    ),
    "signed with the public key's JSON": lambda key: _forge(
        {"alg": "HS256", "kid": key["kid"]}, json.dumps(key).encode()
    ),
    "signed with an empty secret": lambda _: _forge({"alg": "HS256"}, b""),
    "signed with an empty secret and a null key": lambda _: _forge(
        {"alg": "HS256", "kid": None}, b""
    ),
    "signed with another key under the right name": lambda key: _elliptic(key["kid"], {}),
    "bringing its own key": lambda _: _elliptic("x"),
    "pointing at a key elsewhere": lambda _: _elliptic("x", {"jku": "http://127.0.0.1:9/keys"}),
    "of two parts": lambda _: "a.b",
    "of four parts": lambda _: "a.b.c.d",
    "that is no JSON": lambda _: "!!.??.!!",
    "with a list as header": lambda _: ".".join(("W10", "e30", "AA")),
    "with a number as key name": lambda _: _forge({"alg": "HS256", "kid": 1}, b"x"),
    "with a list as key name": lambda _: _forge({"alg": "HS256", "kid": ["x"]}, b"x"),
    "that is deeply nested": lambda _: _encode(b"[" * 20000).decode() + ".e30.AA",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_was_not_issued_here_is_refused(gateway: Served, forgery: str) -> None:
    (public,) = gateway.raw("GET", "/auth/v1/.well-known/jwks.json").json()["keys"]
    token = FORGERIES[forgery](public)

    for path in ("/rest/v1/rpc/whoami", "/auth/v1/admin/users"):
        answer = gateway.raw("GET", path, token=token)
        assert answer.status_code == (401 if "rest" in path else 403)
    assert "d" not in public


SIGNED_HERE = {
    "expired": ({"exp": 1000}, 401, "PGRST303"),
    "not yet valid": ({"nbf": 4102444800}, 401, "PGRST303"),
    "without an end": ({"exp": None}, 401, "PGRST301"),
    "for a role outside the API": ({"role": "postgres"}, 403, "42501"),
    "for a role that is a list": ({"role": ["service_role"]}, 401, "22023"),
}


@pytest.mark.parametrize("case", SIGNED_HERE)
def test_a_token_signed_here_must_still_be_right(gateway: Served, case: str) -> None:
    changes, status, code = SIGNED_HERE[case]
    claims = {"role": "authenticated", "exp": int(time.time()) + 60, **changes}
    private = json.loads(Path(gateway.config.key_file).read_text())
    kept = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(kept, jwt.PyJWK(private).key, "ES256", {"kid": private["kid"]})

    answer = gateway.raw("GET", "/rest/v1/rpc/whoami", token=token)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_keys_are_needed_and_must_fit(gateway: Served, ada: Person) -> None:
    secret = gateway.config.secret_key
    path = "/rest/v1/rpc/whoami"

    bare = gateway.http.get(f"{gateway.config.url}{path}")
    token_only = gateway.http.get(
        f"{gateway.config.url}{path}", headers={"Authorization": f"Bearer {ada.token}"}
    )
    refused = [
        bare,
        token_only,
        gateway.raw("GET", path, headers={"apikey": "x"}),
        gateway.raw("GET", path, headers={"apikey": "ключ".encode()}),
        gateway.raw("GET", path, token=secret),
        gateway.raw("GET", path, token=secret, headers={"apikey": "x"}),
        gateway.raw("GET", path, headers={"apikey": secret, "User-Agent": "Mozilla/5.0"}),
    ]

    assert [answer.status_code for answer in refused] == [401] * 7
    assert all(answer.json()["message"] for answer in refused)


WORDS = {
    "exp": "The JWT 'exp' claim must be a number",
    "nbf": "The JWT 'nbf' claim must be a number",
    "iat": "The JWT 'iat' claim must be a number",
    "aud": "The JWT 'aud' claim must be a string or an array of strings",
}


def test_the_configured_secret_signs_for_ever_but_not_nonsense(tmp_path: Path) -> None:
    secret = "s" * 40
    keys = Keys(tmp_path / "jwt.json", secret)
    said = {"role": "authenticated", "id": "jdoe"}

    assert keys.verify(jwt.encode(said, secret, "HS256")) == said
    assert keys.verify(jwt.encode(said, secret, "HS256")) == said
    for claim, words in WORDS.items():
        wrong = [{"a": 1}] if claim == "aud" else "soon"
        with pytest.raises(ApiError, match=words):
            keys.verify(jwt.encode({**said, claim: wrong}, secret, "HS256"))
    with pytest.raises(ApiError, match="must have an 'exp' claim"):
        keys.verify(keys.sign(said))
