"""This file is where Supabase Auth's endpoints are answered: sign-in, refresh, sign-out, the user, the users."""

import datetime as dt
import json
import time
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.gateway import accounts
from local.gateway.accounts import Passwords, Row
from local.gateway.call import read_body
from local.gateway.config import Config
from local.gateway.database import AuthConnection, Database
from local.gateway.errors import AUTH_VERSION, JSON_TYPE, ApiError, AuthError
from local.gateway.tokens import Claims, Keys, identify

REMEMBERED_EMAILS = 10_000
LONGEST_PAGE = 1000


class Attempts:
    """Failed sign-ins per address and email in a sliding window; a good password is never counted."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit = limit
        self._seconds = seconds
        self._failed: dict[tuple[str, str], deque[float]] = {}

    def refuse_too_many(self, who: tuple[str, str]) -> None:
        """Raises AuthError 429."""
        failed = self._failed.get(who, deque())
        while failed and failed[0] < time.monotonic() - self._seconds:
            failed.popleft()
        if len(failed) >= self._limit:
            raise AuthError(429, "over_request_rate_limit", "Request rate limit reached")

    def count(self, who: tuple[str, str]) -> None:
        if who not in self._failed and len(self._failed) >= REMEMBERED_EMAILS:
            self._failed.pop(next(iter(self._failed)))
        self._failed.setdefault(who, deque()).append(time.monotonic())


class Auth:
    """Answers /auth/v1."""

    def __init__(self, config: Config, database: Database, keys: Keys) -> None:
        self._config = config
        self._database = database
        self._keys = keys
        self._passwords = Passwords(config)
        self._attempts = Attempts(config.rate_limit, config.rate_limit_seconds)

    async def answer(self, request: Request) -> Response:
        """Answers one request; raises AuthError or ApiError for a refusal."""
        path = request.path_params["path"]
        if path == ".well-known/jwks.json":
            return _json({"keys": [self._keys.public]}, Cache_Control="public, max-age=600")
        claims = self._identify(request)
        body = await self._body(request)
        match (request.method, path):
            case ("POST", "token"):
                return await self._token(request, body)
            case ("POST", "signup"):
                return await self._sign_up(body)
            case ("GET" | "PUT", "user"):
                return await self._user(request, body, claims)
            case ("POST", "logout"):
                return await self._sign_out(request, claims)
        if path == "admin/users" or path.startswith("admin/users/"):
            return await self._admin(request, body, claims, path.removeprefix("admin/users")[1:])
        raise AuthError(501, "not_implemented", f"Feature not implemented: {request.method} {path}")

    def _identify(self, request: Request) -> Claims:
        try:
            return identify(request.headers, self._config, self._keys)
        except ApiError as error:
            if error.code is None:
                raise
            message = f"invalid JWT: unable to parse or verify signature, {error}"
            raise AuthError(403, "bad_jwt", message) from error

    async def _body(self, request: Request) -> Mapping[str, Any]:
        raw = await read_body(request, self._config.body_limit)
        try:
            value = json.loads(raw or b"{}")
        except (ValueError, RecursionError) as error:
            raise AuthError(400, "bad_json", "Could not parse request body as JSON") from error
        if not isinstance(value, dict):
            raise AuthError(400, "bad_json", "Could not parse request body as JSON: not an object")
        return value

    async def _token(self, request: Request, body: Mapping[str, Any]) -> Response:
        match request.query_params.get("grant_type"):
            case "password":
                host = request.client.host if request.client else ""
                return await self._sign_in(host, body)
            case "refresh_token":
                return await self._refresh(body)
        raise AuthError(400, "invalid_credentials", "unsupported_grant_type")

    async def _sign_in(self, host: str, body: Mapping[str, Any]) -> Response:
        email = accounts.normal_email(body.get("email"))
        self._attempts.refuse_too_many((host, email))
        async with self._database.accounts() as connection:
            user = await accounts.one(connection, "user_by_email", email=email)
        hashed = user["encrypted_password"] if user else None
        if not await self._passwords.match(body.get("password"), hashed) or user is None:
            self._attempts.count((host, email))
            raise AuthError(400, "invalid_credentials", "Invalid login credentials")
        if accounts.is_banned(user):
            raise AuthError(400, "user_banned", "User is banned")
        if not user["email_confirmed_at"]:
            raise AuthError(400, "email_not_confirmed", "Email not confirmed")
        async with self._database.accounts() as connection:
            return _json(await self._open(connection, user))

    async def _open(self, connection: AuthConnection, user: Row) -> dict[str, Any]:
        user, session = await accounts.open_session(connection, user)
        token = await accounts.add_refresh_token(connection, user, session)
        return await self._session(connection, user, session, token, int(time.time()))

    async def _refresh(self, body: Mapping[str, Any]) -> Response:
        spent = str(body.get("refresh_token", ""))
        async with self._database.accounts() as connection:
            found = await accounts.use_refresh_token(connection, spent, self._config.reuse_interval)
            user = await accounts.the(connection, "user_by_id", id=found["user_id"])
            if accounts.is_banned(user):
                raise AuthError(400, "user_banned", "Invalid Refresh Token: User Banned")
            session = found["session_id"]
            token = await accounts.add_refresh_token(connection, user, session, spent)
            now = int(time.time())
            return _json(await self._session(connection, user, session, token, now))

    async def _session(
        self, connection: AuthConnection, user: Row, session: uuid.UUID, token: str, now: int
    ) -> dict[str, Any]:
        expires_at = now + self._config.jwt_ttl
        claims = {
            "iss": f"{self._config.url}/auth/v1",
            "sub": str(user["id"]),
            "aud": user["aud"],
            "exp": expires_at,
            "iat": now,
            "email": user["email"] or "",
            "phone": user["phone"] or "",
            "app_metadata": user["raw_app_meta_data"] or {},
            "user_metadata": user["raw_user_meta_data"] or {},
            "role": user["role"],
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": now}],
            "session_id": str(session),
            "is_anonymous": user["is_anonymous"],
        }
        (shown,) = await accounts.describe(connection, [user])
        return {
            "access_token": self._keys.sign(claims),
            "token_type": "bearer",
            "expires_in": self._config.jwt_ttl,
            "expires_at": expires_at,
            "refresh_token": token,
            "user": shown,
        }

    async def _sign_up(self, body: Mapping[str, Any]) -> Response:
        if not self._config.signup:
            raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
        wanted = {
            "id": uuid.uuid4(),
            "email": body.get("email"),
            "password": await self._passwords.hash(body.get("password")),
            "confirmed": True,
            "app_metadata": {},
            "user_metadata": _document(body, "data"),
        }
        async with self._database.accounts() as connection:
            try:
                user = await accounts.add_user(connection, wanted)
            except AuthError as error:
                if error.code != "email_exists":
                    raise
                message = "User already registered"
                raise AuthError(422, "user_already_exists", message) from error
            return _json(await self._open(connection, user))

    async def _user(self, request: Request, body: Mapping[str, Any], claims: Claims) -> Response:
        changes = None
        if request.method == "PUT":
            # Nothing else of the body counts: a user may not choose their role or app_metadata.
            changes = await self._changes({"password": body.get("password")}, body, "data")
        async with self._database.accounts() as connection:
            user = await self._signed_in(connection, claims)
            if changes is not None:
                user = await accounts.the(connection, "update_user", id=user["id"], **changes)
            (shown,) = await accounts.describe(connection, [user])
            return _json(shown)

    async def _changes(
        self, given: Mapping[str, Any], body: Mapping[str, Any], metadata: str
    ) -> dict[str, Any]:
        password = given.get("password")
        return {
            "password": await self._passwords.hash(password) if password else None,
            "user_metadata": json.dumps(_document(body, metadata)),
            "app_metadata": json.dumps(_document(given, "app_metadata")),
            "confirmed": bool(given.get("email_confirm")),
        }

    async def _signed_in(self, connection: AuthConnection, claims: Claims) -> Row:
        try:
            user_id = uuid.UUID(str(claims.get("sub", "")))
        except ValueError as error:
            message = "invalid claim: missing sub claim"
            raise AuthError(403, "bad_jwt", message) from error
        user = await accounts.one(connection, "user_by_id", id=user_id)
        if user is None:
            message = "User from sub claim in JWT does not exist"
            raise AuthError(403, "user_not_found", message)
        session = claims.get("session_id")
        if session and not await accounts.one(
            connection, "session", session=str(session), user=user_id
        ):
            message = "Session from session_id claim in JWT does not exist"
            raise AuthError(403, "session_not_found", message)
        if accounts.is_banned(user):
            raise AuthError(403, "user_banned", "User is banned")
        return user

    async def _sign_out(self, request: Request, claims: Claims) -> Response:
        scope = request.query_params.get("scope", "global")
        if scope not in ("global", "local", "others"):
            raise AuthError(400, "validation_failed", f'Unsupported logout scope "{scope}"')
        async with self._database.accounts() as connection:
            user = await self._signed_in(connection, claims)
            session = claims.get("session_id")
            if scope == "local":
                await accounts.change(connection, "delete_session", session=session)
            else:
                kept = {"user": user["id"], "except": session if scope == "others" else None}
                await accounts.change(connection, "delete_sessions", **kept)
        return Response(status_code=204, headers=AUTH_VERSION)

    async def _admin(
        self, request: Request, body: Mapping[str, Any], claims: Claims, user_id: str
    ) -> Response:
        if claims["role"] != "service_role":
            raise AuthError(403, "not_admin", "User not allowed")
        if user_id:
            return await self._admin_user(request.method, body, user_id)
        if request.method == "POST":
            return await self._add_user(body)
        async with self._database.accounts() as connection:
            return await _list_users(connection, request)

    async def _add_user(self, body: Mapping[str, Any]) -> Response:
        password = body.get("password")
        wanted = {
            "id": _uuid(body["id"]) if body.get("id") else uuid.uuid4(),
            "email": body.get("email"),
            "password": await self._passwords.hash(password) if password else "",
            "confirmed": bool(body.get("email_confirm")),
            "app_metadata": _document(body, "app_metadata"),
            "user_metadata": _document(body, "user_metadata"),
        }
        async with self._database.accounts() as connection:
            user = await accounts.add_user(connection, wanted)
            (shown,) = await accounts.describe(connection, [user])
            return _json(shown)

    async def _admin_user(self, method: str, body: Mapping[str, Any], user_id: str) -> Response:
        if unknown := body.keys() - {
            "password", "email_confirm", "user_metadata", "app_metadata", "should_soft_delete",
        }:  # fmt: skip
            names = ", ".join(sorted(unknown))
            raise AuthError(501, "not_implemented", f"Feature not implemented: {names}")
        changes = await self._changes(body, body, "user_metadata")
        async with self._database.accounts() as connection:
            user = await accounts.one(connection, "user_by_id", id=_uuid(user_id))
            if user is None:
                raise AuthError(404, "user_not_found", "User not found")
            if method == "DELETE":
                await accounts.change(connection, "delete_user", id=user["id"])
                return _json({})
            if method == "PUT":
                user = await accounts.the(connection, "update_user", id=user["id"], **changes)
            (shown,) = await accounts.describe(connection, [user])
            return _json(shown)


async def _list_users(connection: AuthConnection, request: Request) -> Response:
    page = _number(request.query_params.get("page"), 1)
    size = min(_number(request.query_params.get("per_page"), 50), LONGEST_PAGE)
    found = await accounts.rows(connection, "users", limit=size, offset=(page - 1) * size)
    total = (await accounts.the(connection, "count_users"))["total"]
    shown = await accounts.describe(connection, found)
    return _json({"users": shown, "aud": "authenticated"}, X_Total_Count=str(total))


def _number(text: str | None, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 9):
        raise AuthError(400, "validation_failed", f"Bad pagination parameter: {text[:20]}")
    return int(text)


def _uuid(text: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError as error:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from error


def _document(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise AuthError(400, "bad_json", f"{name} must be an object")
    return value


def _text(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def _json(value: object, **headers: str) -> Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    content = json.dumps(value, default=_text)
    return Response(content, 200, {"Content-Type": JSON_TYPE, **AUTH_VERSION, **named})
