"""This file is where Supabase Auth's JSON bodies are read and written."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.gateway import accounts
from local.gateway.accounts import Row
from local.gateway.call import read_body
from local.gateway.database import AuthConnection
from local.gateway.errors import AUTH_VERSION, JSON_TYPE, ApiError, AuthError

Body = Mapping[str, Any]
LARGEST_BODY = 1 << 20


async def read_object(request: Request) -> Body:
    """The body's JSON object, empty without a body; raises AuthError 400 or 413."""
    try:
        raw = await read_body(request, LARGEST_BODY)
    except ApiError as error:
        message = f"Request body too large (max {LARGEST_BODY} bytes)"
        raise AuthError(413, "request_entity_too_large", message) from error
    try:
        value = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise AuthError(400, "bad_json", "Could not parse request body as JSON") from error
    if not isinstance(value, dict):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON: not an object")
    return value


def document(body: Body, name: str) -> dict[str, Any]:
    """The object called `name` in the body, or an empty one; raises AuthError 400."""
    value = body.get(name)
    if not isinstance(value, dict | None):
        raise AuthError(400, "bad_json", f"{name} must be an object")
    return value or {}


def flag(body: Body, name: str) -> bool:
    """The truth value called `name` in the body, or false; raises AuthError 400."""
    value = body.get(name)
    if not isinstance(value, bool | None):
        raise AuthError(400, "bad_json", f"{name} must be true or false")
    return bool(value)


def user_id(text: object) -> uuid.UUID:
    """Raises AuthError 404 for what is no UUID."""
    try:
        return uuid.UUID(str(text))
    except ValueError as error:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from error


def not_implemented(what: str) -> AuthError:
    """The answer to everything outside the subset in docs/embedded.md."""
    return AuthError(501, "not_implemented", f"Feature not implemented: {what}")


async def user_response(connection: AuthConnection, user: Row) -> Response:
    """One user, as their own endpoint and the admin's show them."""
    (shown,) = await accounts.describe(connection, [user])
    return json_response(shown)


def json_response(value: object, **headers: str) -> Response:
    """A 200; a header's name is written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    content = json.dumps(value, default=_text)
    return Response(content, 200, {"Content-Type": JSON_TYPE, **AUTH_VERSION, **named})


def _text(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return str(value)
