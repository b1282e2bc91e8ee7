"""This file is where Auth learns who asks: by their API key, or by a token of theirs."""

import base64
import binascii
import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.gateway import accounts
from local.gateway.accounts import Row
from local.gateway.auth_wire import kind_of, parse_uuid
from local.gateway.config import Config
from local.gateway.database import AuthConnection
from local.gateway.errors import AuthError
from local.gateway.tokens import Claims, Keys, role_of_key

BEARER = re.compile(r"bearer (\S+)", re.IGNORECASE)
ALGORITHMS = ("ES256", "HS256", "RS256")
UNREADABLE = "invalid JWT: unable to parse or verify signature, "
TEXT_CLAIMS = (
    "iss", "sub", "jti", "email", "phone", "role", "aal", "session_id", "client_id", "scope",
)  # fmt: skip
NO_SESSION = ("", str(uuid.UUID(int=0)))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Someone with a valid token; a token of old may lack its session."""

    user: Row
    session: uuid.UUID | None
    claims: Claims


def identify_caller(headers: Mapping[str, str], config: Config, keys: Keys) -> Claims:
    """The claims of the caller's token, or just the role that their API key stands for.

    Raises ApiError 401 for the key and AuthError for the token.
    """
    role = role_of_key(headers, config)
    given = headers.get("authorization", "")
    # The gateway in front of Supabase Auth puts a token of that role in place of an opaque key.
    if not given or given.startswith("Bearer sb_"):
        return {"role": role}
    bearer = BEARER.fullmatch(given)
    if bearer is None:
        message = "This endpoint requires a valid Bearer token"
        raise AuthError(401, "no_authorization", message)
    return read_token(bearer[1], keys)


def read_token(token: str, keys: Keys) -> Claims:
    """The claims of a token that is valid now, without any leeway; raises AuthError 403."""
    parts = token.split(".")
    if len(parts) != 3:
        raise _bad("token is malformed: token contains an invalid number of segments")
    header, claims = _decode(parts[0], "header"), _decode(parts[1], "claim")
    _check_types(claims)
    _check_signature(token, header, keys)
    now = time.time()
    late = claims["exp"] <= now
    early = claims.get("nbf", now) > now
    if late or early:
        said = ("token is expired", late), ("token is not valid yet", early)
        raise _bad("token has invalid claims: " + ", ".join(text for text, true in said if true))
    return claims


def _decode(part: str, what: str) -> dict[str, Any]:
    strange = re.search(r"[^A-Za-z0-9_-]", part)
    if strange or len(part) % 4 == 1:
        at = strange.start() if strange else len(part) - 1
        why = f"illegal base64 data at input byte {at}"
        raise _bad(f"token is malformed: could not base64 decode {what}: {why}")
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad(f"token is malformed: could not JSON decode {what}") from error
    if not isinstance(value, dict):
        raise _bad(f"token is malformed: could not JSON decode {what}: {kind_of(value)}")
    return value


def _check_types(claims: Claims) -> None:
    malformed = "token is malformed: could not JSON decode claim: "
    for name in TEXT_CLAIMS:
        if not isinstance(claims.get(name, ""), str | None):
            kind = kind_of(claims[name])
            field = f"Go struct field Claims.{name} of type string"
            raise _bad(f"{malformed}json: cannot unmarshal {kind} into {field}")
    if not all(isinstance(one, str) for one in audience_of(claims)):
        raise _bad(f"{malformed}invalid type for claim")
    for name in ("exp", "nbf", "iat"):
        if not isinstance(claims.get(name, 0), int | float):
            raise _bad(f"{malformed}could not parse NumericData")
    if "exp" not in claims:
        # Nothing here issues one, and one that leaked would be good for ever.
        raise _bad("token has invalid claims: token is missing required claim: exp")


def audience_of(claims: Claims) -> list[Any]:
    """Whom the token is for; empty without the claim."""
    audience = claims.get("aud", [])
    return audience if isinstance(audience, list) else [audience]


def _check_signature(token: str, header: Mapping[str, Any], keys: Keys) -> None:
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise _bad(f"token signature is invalid: signing method {algorithm} is invalid")
    if kid == keys.kid and algorithm == "ES256":
        if not keys.signed_by_us(token):
            raise _bad("token signature is invalid: crypto/ecdsa: verification error")
    elif kid == keys.kid:
        wrong = "key is of invalid type: HMAC verify expects []byte"
        raise _bad(f"token signature is invalid: {wrong}")
    elif algorithm != "HS256" or not keys.has_secret:
        named = "<nil>" if kid is None else kid
        unknown = f"unrecognized JWT kid {named} for algorithm {algorithm}"
        raise _bad(f"token is unverifiable: error while executing keyfunc: {unknown}")
    elif not keys.signed_by_secret(token):
        raise _bad("token signature is invalid: signature is invalid")


def _bad(why: str) -> AuthError:
    return AuthError(403, "bad_jwt", UNREADABLE + why)


async def load_signed_in(connection: AuthConnection, claims: Claims) -> SignedIn:
    """The token's user and session; raises AuthError 400 or 403 when one of them is not there."""
    if not claims.get("sub"):
        raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim")
    sub = parse_uuid(claims["sub"])
    if sub is None:
        raise AuthError(400, "bad_jwt", "invalid claim: sub claim must be a UUID")
    user = await accounts.one(connection, "user_by_id", id=sub)
    if user is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    return SignedIn(user, await _session_of(connection, claims), claims)


async def _session_of(connection: AuthConnection, claims: Claims) -> uuid.UUID | None:
    named = claims.get("session_id") or ""
    if named in NO_SESSION:
        return None
    session = parse_uuid(named)
    if session is None:
        raise AuthError(403, "bad_jwt", "invalid claim: session_id claim must be a UUID")
    if not await accounts.one(connection, "session", session=session):
        message = "Session from session_id claim in JWT does not exist"
        raise AuthError(403, "session_not_found", message)
    return session


def refuse_banned(user: Row) -> None:
    """Raises AuthError 403 for who was banned after the token was issued."""
    if accounts.is_banned(user):
        raise AuthError(403, "user_banned", "User is banned")
