"""This file is where the holder of the secret key keeps the list of users."""

import secrets
import uuid
from typing import Any
from urllib.parse import unquote, urlencode

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from local.gateway import accounts
from local.gateway.accounts import Passwords, Row
from local.gateway.auth_fields import ONE_USER, path_of
from local.gateway.auth_wire import Body, json_response, parse_uuid
from local.gateway.database import AuthConnection, Database
from local.gateway.errors import AuthError

LONGEST = 2**64
NOWHERE = 2**62


class Admin:
    """Answers /auth/v1/admin/users and one user below it."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    async def load(self, request: Request) -> Row | None:
        """The user whom the path names, if it names one; raises AuthError 404."""
        named = ONE_USER.fullmatch(path_of(request))
        if named is None:
            return None
        found = parse_uuid(unquote(named[1]))
        if found is None:
            raise AuthError(404, "validation_failed", "user_id must be an UUID")
        async with self._database.accounts() as connection:
            return await accounts.get_user(connection, found)

    async def answer(self, request: Request, body: Body, user: Row | None) -> Response:
        """Answers one request whose fields and user are known to be right."""
        if user is None:
            add = request.method == "POST"
            return await (self._add(body) if add else self._list(request))
        if request.method == "PUT":
            return await self._update(user, body)
        async with self._database.accounts() as connection:
            if request.method == "DELETE":
                await accounts.change(connection, "delete_user", id=user["id"])
                return json_response({})
            return await _show(connection, user)

    async def _add(self, body: Body) -> Response:
        if not body.get("email"):
            message = "Cannot create a user without either an email or phone"
            raise AuthError(400, "validation_failed", message)
        email = accounts.check_email(body["email"])
        async with self._database.accounts() as connection:
            if await accounts.find(connection, email):
                raise _registered()
        # Nobody knows the password of who was given none; one too long is refused, not cut.
        password = body.get("password") or secrets.token_urlsafe(48)
        if len(password.encode(errors="surrogatepass")) > accounts.BCRYPT_BYTES:
            self._passwords.check(password)
        wanted = {
            "email": email,
            "password": await self._passwords.hash(password),
            "id": _own_id(body.get("id", "")),
            "confirmed": body.get("email_confirm", False),
            "user_metadata": body.get("user_metadata", {}),
        }
        async with self._database.accounts() as connection:
            user = await _insert(connection, wanted)
            given = body.get("app_metadata", {})
            user = await accounts.update(connection, user, app_metadata=given) if given else user
            return await _show(connection, user)

    async def _update(self, user: Row, body: Body) -> Response:
        password = body.get("password")
        if password is not None:
            self._passwords.check(password)
        changed = {
            "password": password and await self._passwords.hash(password),
            "confirmed": body.get("email_confirm"),
            "app_metadata": body.get("app_metadata"),
            "user_metadata": body.get("user_metadata"),
        }
        async with self._database.accounts() as connection:
            user = await accounts.update(connection, user, **changed)
            if password:
                await accounts.end_sessions(connection, user["id"])
            return await _show(connection, user)

    async def _list(self, request: Request) -> Response:
        page = _number(request, "page", 1)
        size = _number(request, "per_page", 50)
        if size == 0:
            raise AuthError(400, "validation_failed", "Bad Pagination Parameters: no users a page")
        window = {"limit": min(size, NOWHERE), "offset": min(max(page - 1, 0) * size, NOWHERE)}
        async with self._database.accounts() as connection:
            found = await accounts.rows(connection, "users", **window)
            total = (await accounts.the(connection, "count_users"))["total"]
        shown = [accounts.shown(user, None) for user in found]
        headers = {"X_Total_Count": str(total), "Link": _link(request, page, -(-total // size))}
        return json_response({"users": shown, "aud": "authenticated"}, **headers)


async def _show(connection: AuthConnection, user: Row) -> Response:
    (shown,) = await accounts.describe(connection, [user])
    return json_response(shown)


async def _insert(connection: AuthConnection, wanted: dict[str, Any]) -> Row:
    try:
        return await accounts.add_user(connection, wanted)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "users_pkey":
            message = "Database error creating new user"
            raise AuthError(500, "unexpected_failure", message) from error
        raise _registered() from error


def _registered() -> AuthError:
    message = "A user with this email address has already been registered"
    return AuthError(422, "email_exists", message)


def _own_id(text: str) -> uuid.UUID:
    if not text:
        return uuid.uuid4()
    found = parse_uuid(text)
    if found is None:
        raise AuthError(400, "validation_failed", "ID must conform to the uuid v4 format")
    if not found.int:
        raise AuthError(400, "validation_failed", "ID cannot be a nil uuid")
    return found


def _first(request: Request, name: str) -> str:
    given = request.query_params.getlist(name)
    return given[0] if given else ""


def _number(request: Request, name: str, default: int) -> int:
    text = _first(request, name)
    if not text:
        return default
    wrong = "invalid syntax"
    if text.isascii() and text.isdigit():
        wrong = "" if len(text) < 30 and int(text) < LONGEST else "value out of range"
    if wrong:
        said = f'strconv.ParseUint: parsing "{text[:60]}": {wrong}'
        raise AuthError(400, "validation_failed", f"Bad Pagination Parameters: {said}")
    return int(text)


def _link(request: Request, page: int, pages: int) -> str:
    given = {name: request.query_params.getlist(name) for name in request.query_params}

    def to(number: int, relation: str) -> str:
        query = urlencode(sorted({**given, "page": [str(number)]}.items()), doseq=True)
        return f'</{path_of(request)}?{query}>; rel="{relation}"'

    after = [to(page + 1, "next")] if pages > page else []
    return ", ".join([*after, to(pages, "last")])
