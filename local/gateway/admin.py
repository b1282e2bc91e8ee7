"""This file is where the holder of the secret key keeps the list of users."""

import json
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.gateway import accounts
from local.gateway.accounts import Passwords
from local.gateway.auth_wire import (
    Body,
    document,
    flag,
    json_response,
    not_implemented,
    user_id,
    user_response,
)
from local.gateway.database import Database
from local.gateway.errors import AuthError

LONGEST_PAGE = 1000
USERS = "admin/users"


async def answer_admin(
    request: Request, body: Body, database: Database, passwords: Passwords
) -> Response:
    """Answers /auth/v1/admin/users and one user below it; `refuse_others` has seen it."""
    who = request.path_params["path"].removeprefix(USERS).strip("/")
    match (request.method, who):
        case ("POST", _):
            return await _add(body, database, passwords)
        case ("GET", ""):
            return await _list(request, database)
        case ("PUT", _):
            return await _update(who, body, database, passwords)
        case ("DELETE", _):
            return await _delete(who, body, database)
    return await _get(who, database)


def endpoint_of(request: Request) -> str | None:
    """The endpoint's name in auth_fields.py; None for what is below a user, or no user at all."""
    # As it was sent: a %2F in an id is not a slash.
    path = request.scope["raw_path"].decode("latin-1").removeprefix("/auth/v1/")
    match path.split("/"):
        case ["admin", "users"] | ["admin", "users", ""]:
            return USERS
        case ["admin", "users", _]:
            return f"{USERS}/<id>"
    return None


async def changes(body: Body, passwords: Passwords) -> dict[str, Any]:
    """The values of `update_user` in accounts.sql."""
    password = body.get("password")
    return {
        "password": None if password is None else await passwords.hash(password),
        "confirmed": flag(body, "email_confirm"),
        "app_metadata": json.dumps(document(body, "app_metadata")),
        "user_metadata": json.dumps(document(body, "user_metadata")),
    }


async def _add(body: Body, database: Database, passwords: Passwords) -> Response:
    password = body.get("password")
    wanted = {
        "id": user_id(body["id"]) if body.get("id") else uuid.uuid4(),
        "email": body.get("email"),
        "password": await passwords.hash(password) if password else "",
        "confirmed": flag(body, "email_confirm"),
        "app_metadata": document(body, "app_metadata"),
        "user_metadata": document(body, "user_metadata"),
    }
    async with database.accounts() as connection:
        return await user_response(connection, await accounts.add_user(connection, wanted))


async def _list(request: Request, database: Database) -> Response:
    page = _number(request.query_params.get("page"), 1)
    size = min(_number(request.query_params.get("per_page"), 50), LONGEST_PAGE)
    async with database.accounts() as connection:
        found = await accounts.rows(connection, "users", limit=size, offset=(page - 1) * size)
        total = (await accounts.the(connection, "count_users"))["total"]
        shown = await accounts.describe(connection, found)
    return json_response({"users": shown, "aud": "authenticated"}, X_Total_Count=str(total))


async def _get(who: str, database: Database) -> Response:
    async with database.accounts() as connection:
        return await user_response(connection, await accounts.get_user(connection, user_id(who)))


async def _update(who: str, body: Body, database: Database, passwords: Passwords) -> Response:
    changed = await changes(body, passwords)
    async with database.accounts() as connection:
        user = await accounts.get_user(connection, user_id(who))
        user = await accounts.the(connection, "update_user", id=user["id"], **changed)
        return await user_response(connection, user)


async def _delete(who: str, body: Body, database: Database) -> Response:
    if flag(body, "should_soft_delete"):
        raise not_implemented("soft deletion")
    async with database.accounts() as connection:
        user = await accounts.get_user(connection, user_id(who))
        await accounts.change(connection, "delete_user", id=user["id"])
    return json_response({})


def _number(text: str | None, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) > 0):
        raise AuthError(400, "validation_failed", f"Bad pagination parameter: {text[:20]}")
    return int(text)
