"""This file is where tokens are signed and checked, and where a request's keys become a role."""

import base64
import hmac
import json
import math
import os
import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, get_default_algorithms

from local.gateway.config import Config
from local.gateway.errors import ApiError, bad_token

REMEMBERED_TOKENS = 2000
# Times and audience are judged by check_claims.
SIGNATURE_ONLY: Any = {
    f"verify_{name}": False for name in ("aud", "exp", "nbf", "iat", "iss", "sub", "jti")
}
KNOWN = {"none", "ES256", "ES384", "ES512", "EdDSA"} | {
    f"{kind}{size}" for kind in ("HS", "RS", "PS") for size in (256, 384, 512)
}
ALGORITHMS = get_default_algorithms()
BASE64 = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?={0,2}")
TIMES = {"exp": "JWT expired", "nbf": "JWT not yet valid", "iat": "JWT issued at future"}
Claims = dict[str, Any]


class Keys:
    """The installation's signing key, made at first use, and the tokens it has already checked."""

    def __init__(self, key_file: Path, legacy_secret: str = "", leeway: int = 30) -> None:
        private = _read_or_make(key_file)
        public = {name: value for name, value in private.items() if name != "d"}
        self.public = {**public, "key_ops": ["verify"]}
        self.kid: str = private["kid"]
        self.has_secret = bool(legacy_secret)
        self._signer = jwt.PyJWK(private).key
        self._verifier = jwt.PyJWK(self.public).key
        self._legacy_secret = legacy_secret
        self._leeway = leeway
        self._checked: dict[str, Claims] = {}

    def sign(self, claims: Claims) -> str:
        """An ES256 token that names this key."""
        return jwt.encode(claims, self._signer, "ES256", {"kid": self.kid})

    def verify(self, token: str) -> Claims:
        """The claims of a valid token; raises ApiError 401 for any other."""
        claims = self._checked.get(token)
        if claims and float(claims.get("exp") or math.inf) + self._leeway > time.time():
            return claims
        claims = self._decode(token)
        if len(self._checked) >= REMEMBERED_TOKENS:
            self._checked.clear()
        self._checked[token] = claims
        return claims

    def signed_by_us(self, token: str) -> bool:
        """Whether this installation's key made the signature."""
        return _is_signed(token, self._verifier, "ES256")

    def signed_by_secret(self, token: str) -> bool:
        """Whether the configured secret made the signature."""
        return self.has_secret and _is_signed(token, self._legacy_secret, "HS256")

    def _decode(self, token: str) -> Claims:
        if (parts := token.count(".") + 1) != 3:
            raise bad_token(f"Expected 3 parts in JWT; got {parts}")
        signed = token.rpartition(".")[0]
        try:
            head, said, signature = (_bytes(part) for part in token.split("."))
            header = json.loads(head)
            algorithm, kid = header["alg"], header.get("kid")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise bad_token("JWT cryptographic operation failed") from error
        known = isinstance(algorithm, str) and algorithm in KNOWN
        if not known or not isinstance(kid, str | None):
            raise bad_token("JWT cryptographic operation failed")
        if algorithm == "none":
            details = "JWT is unsecured but expected 'alg' was not 'none'"
            raise bad_token("Wrong or unsupported encoding algorithm", details)
        if not self._is_ours(algorithm, kid, signed.encode(), signature):
            raise no_key("None of the keys was able to decode the JWT")
        claims = _read_claims(said)
        # What the configured secret signs may be meant for ever, as on the platform.
        if claims.get("exp") is None and algorithm == "ES256":
            raise bad_token("The JWT must have an 'exp' claim")
        check_claims(claims, time.time(), self._leeway)
        return claims

    def _is_ours(self, algorithm: str, kid: object, signed: bytes, signature: bytes) -> bool:
        # The algorithm follows from the key, never from the token's header, which its sender wrote.
        if algorithm == "ES256" and kid in (None, self.kid):
            key = self._verifier
        elif algorithm == "HS256" and kid is None and self._legacy_secret:
            key = ALGORITHMS[algorithm].prepare_key(self._legacy_secret)
        else:
            raise no_key("No suitable key was found to decode the JWT")
        return ALGORITHMS[algorithm].verify(signed, key, signature)


def _bytes(part: str) -> bytes:
    if not BASE64.fullmatch(part):
        raise ValueError(part)
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _read_claims(said: bytes) -> Claims:
    try:
        claims = json.loads(said)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise bad_token("Parsing claims failed", code="PGRST303")
    return claims


def _is_signed(token: str, key: Any, algorithm: str) -> bool:
    try:
        jwt.decode(token, key, [algorithm], options=SIGNATURE_ONLY)
    except (jwt.InvalidTokenError, RecursionError):
        return False
    return True


def no_key(details: str) -> ApiError:
    """The refusal of a token that none of our keys signed."""
    return bad_token("No suitable key or wrong key type", details)


def check_claims(claims: Claims, now: float, leeway: int) -> None:
    """Raises ApiError 401, in PostgREST's words, unless the token is one for now."""
    for name, message in TIMES.items():
        value = claims.get(name)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise bad_token(f"The JWT '{name}' claim must be a number", code="PGRST303")
        # PostgREST takes a part of a second, and what no clock shows, for the year 1970.
        moment = int(value) if value == int(_finite(value)) and abs(value) < 1 << 63 else 0
        late = moment + leeway < int(now) if name == "exp" else moment - leeway > int(now)
        if late:
            raise bad_token(message, code="PGRST303")
    audience = [] if claims.get("aud") is None else claims["aud"]
    listed = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in listed):
        message = "The JWT 'aud' claim must be a string or an array of strings"
        raise bad_token(message, code="PGRST303")


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.5


def _read_or_make(key_file: Path) -> dict[str, Any]:
    if not key_file.exists():
        key = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
        named = {**key, "kid": str(uuid.uuid4()), "alg": "ES256", "use": "sig"}
        new = key_file.with_name(key_file.name + ".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(named, file)
        new.replace(key_file)
    found: dict[str, Any] = json.loads(key_file.read_text())
    return found


def identify(headers: Mapping[str, str], config: Config, keys: Keys) -> Claims:
    """Who asks: the claims of their token, or just the role that their API key stands for.

    Raises ApiError 401. An opaque bearer must be the API key itself, as on the platform.
    """
    role, key = role_of_key(headers, config), headers.get("apikey", "")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or _same(token, key):
        return {"role": role}
    if not token:
        raise bad_token("Empty JWT is sent in Authorization header")
    claims = keys.verify(token)
    named = claims.get("role", config.anon_role)
    return {**claims, "role": named if isinstance(named, str) else json.dumps(named)}


def role_of_key(headers: Mapping[str, str], config: Config) -> str:
    """The role that the API key stands for; raises ApiError 401."""
    key = headers.get("apikey", "")
    if _same(key, config.publishable_key):
        return config.anon_role
    if _same(key, config.secret_key):
        if "mozilla/" in headers.get("user-agent", "").lower():
            raise ApiError(401, None, "Forbidden use of secret API key in browser")
        return "service_role"
    message = "Invalid API key" if key else "No API key found in request"
    hint = "Double check your Supabase `anon` or `service_role` API key."
    raise ApiError(401, None, message, hint=hint)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
