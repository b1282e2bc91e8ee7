"""This file is where people sign in, stay signed in and sign out."""

import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.gateway import accounts
from local.gateway.accounts import Passwords, Row
from local.gateway.admin import answer_admin, changes, endpoint_of
from local.gateway.auth_fields import PASSWORD_GRANT, REFRESH_GRANT, refuse_others
from local.gateway.auth_wire import (
    Body,
    document,
    json_response,
    not_implemented,
    read_object,
    user_response,
)
from local.gateway.config import Config
from local.gateway.database import AuthConnection, Database
from local.gateway.errors import AUTH_VERSION, ApiError, AuthError
from local.gateway.tokens import Claims, Keys, identify

REMEMBERED_EMAILS = 10_000
REFUSED = "invalid_credentials"


class Attempts:
    """Failed sign-ins per address and email in a sliding window; good passwords do not count."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit = limit
        self._seconds = seconds
        self._failed: dict[tuple[str, str], deque[float]] = {}

    @contextmanager
    def one(self, who: tuple[str, str]) -> Iterator[None]:
        """Counts a try at once, so that parallel ones see each other; raises AuthError 429.

        It is taken back unless it ends with a wrong password.
        """
        moment = time.monotonic()
        self._refuse_too_many(who, moment)
        self._count(who, moment)
        try:
            yield
        except Exception as error:
            if not (isinstance(error, AuthError) and error.code == REFUSED):
                self._take_back(who, moment)
            raise
        self._take_back(who, moment)

    def _refuse_too_many(self, who: tuple[str, str], now: float) -> None:
        failed = self._failed.get(who, deque())
        while failed and failed[0] < now - self._seconds:
            failed.popleft()
        if len(failed) >= self._limit:
            raise AuthError(429, "over_request_rate_limit", "Request rate limit reached")

    def _count(self, who: tuple[str, str], now: float) -> None:
        if who not in self._failed and len(self._failed) >= REMEMBERED_EMAILS:
            self._failed.pop(next(iter(self._failed)))
        self._failed.setdefault(who, deque()).append(now)

    def _take_back(self, who: tuple[str, str], moment: float) -> None:
        failed = self._failed.get(who, deque())
        if moment in failed:
            failed.remove(moment)
        if not failed:
            self._failed.pop(who, None)


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
            return json_response({"keys": [self._keys.public]}, Cache_Control="max-age=600")
        claims = self._identify(request)
        body = await read_object(request)
        if path.startswith("admin/"):
            return await self._admin(request, body, claims)
        if (request.method, path) == ("POST", "token"):
            return await self._token(request, body)
        refuse_others(request, body, path)
        match (request.method, path):
            case ("POST", "signup"):
                return await self._sign_up(body)
            case ("POST", "logout"):
                return await self._sign_out(request, claims)
            case ("PUT", "user"):
                return await self._change_user(body, claims)
        return await self._show_user(claims)

    def _identify(self, request: Request) -> Claims:
        try:
            return identify(request.headers, self._config, self._keys)
        except ApiError as error:
            if error.code is None:
                raise
            message = f"invalid JWT: unable to parse or verify signature, {error}"
            raise AuthError(403, "bad_jwt", message) from error

    async def _token(self, request: Request, body: Body) -> Response:
        match request.query_params.get("grant_type"):
            case "password":
                refuse_others(request, body, PASSWORD_GRANT)
                host = request.client.host if request.client else ""
                return await self._sign_in(host, body)
            case "refresh_token":
                refuse_others(request, body, REFRESH_GRANT)
                return await self._refresh(body)
            case "id_token" | "pkce" | "web3" as other:
                raise not_implemented(f"grant_type={other}")
        raise AuthError(400, "invalid_credentials", "unsupported_grant_type")

    async def _sign_in(self, host: str, body: Body) -> Response:
        if body.get("phone") and not body.get("email"):
            raise not_implemented("signing in by phone")
        email = accounts.normal_email(body.get("email"))
        if not email:
            raise AuthError(400, REFUSED, "Invalid login credentials")
        with self._attempts.one((host, email)):
            user = await self._known(email, body.get("password"))
        if accounts.is_banned(user):
            raise AuthError(400, "user_banned", "User is banned")
        if not user["email_confirmed_at"]:
            raise AuthError(400, "email_not_confirmed", "Email not confirmed")
        async with self._database.accounts() as connection:
            return await self._open(connection, user)

    async def _known(self, email: str, password: Any) -> Row:
        """The user with this password; an unknown address takes as long and looks the same."""
        async with self._database.accounts() as connection:
            user = await accounts.one(connection, "user_by_email", email=email)
        hashed = user["encrypted_password"] if user else None
        if not await self._passwords.match(password, hashed) or user is None:
            raise AuthError(400, REFUSED, "Invalid login credentials")
        return user

    async def _open(self, connection: AuthConnection, user: Row) -> Response:
        user, session = await accounts.open_session(connection, user)
        token = await accounts.add_refresh_token(connection, user, session)
        return await self._session(connection, user, session, token)

    async def _refresh(self, body: Body) -> Response:
        spent = str(body.get("refresh_token", ""))
        async with self._database.accounts() as connection:
            found = await accounts.use_refresh_token(connection, spent, self._config.reuse_interval)
            user = await accounts.get_user(connection, found["user_id"])
            if accounts.is_banned(user):
                raise AuthError(400, "user_banned", "Invalid Refresh Token: User Banned")
            session = found["session_id"]
            token = await accounts.add_refresh_token(connection, user, session, spent)
            return await self._session(connection, user, session, token)

    async def _session(
        self, connection: AuthConnection, user: Row, session: uuid.UUID, token: str
    ) -> Response:
        claims = self._claims(user, session, int(time.time()))
        (shown,) = await accounts.describe(connection, [user])
        return json_response(
            {
                "access_token": self._keys.sign(claims),
                "token_type": "bearer",
                "expires_in": self._config.jwt_ttl,
                "expires_at": claims["exp"],
                "refresh_token": token,
                "user": shown,
            }
        )

    def _claims(self, user: Row, session: uuid.UUID, now: int) -> dict[str, Any]:
        return {
            "iss": f"{self._config.url}/auth/v1",
            "sub": str(user["id"]),
            "aud": user["aud"],
            "exp": now + self._config.jwt_ttl,
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

    async def _sign_up(self, body: Body) -> Response:
        _refuse_other_providers(body)
        if not self._config.signup:
            raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
        wanted = {
            "id": uuid.uuid4(),
            "email": body.get("email"),
            "password": await self._passwords.hash(body.get("password")),
            "confirmed": True,
            "app_metadata": {},
            "user_metadata": document(body, "data"),
        }
        async with self._database.accounts() as connection:
            try:
                user = await accounts.add_user(connection, wanted)
            except AuthError as error:
                if error.code != "email_exists":
                    raise
                message = "User already registered"
                raise AuthError(422, "user_already_exists", message) from error
            return await self._open(connection, user)

    async def _show_user(self, claims: Claims) -> Response:
        async with self._database.accounts() as connection:
            return await user_response(connection, await _signed_in(connection, claims))

    async def _change_user(self, body: Body, claims: Claims) -> Response:
        chosen = {"password": body.get("password"), "user_metadata": body.get("data")}
        async with self._database.accounts() as connection:
            user = await _signed_in(connection, claims)
        changed = await changes(chosen, self._passwords)
        if body.get("app_metadata") is not None:
            message = "Updating app_metadata requires admin privileges"
            raise AuthError(403, "not_admin", message)
        same = await self._passwords.match(body.get("password"), user["encrypted_password"])
        if changed["password"] and same:
            message = "New password should be different from the old password."
            raise AuthError(422, "same_password", message)
        async with self._database.accounts() as connection:
            user = await _signed_in(connection, claims)
            user = await accounts.the(connection, "update_user", id=user["id"], **changed)
            return await user_response(connection, user)

    async def _admin(self, request: Request, body: Body, claims: Claims) -> Response:
        path = endpoint_of(request)
        if path is not None and claims["role"] != "service_role":
            raise AuthError(403, "not_admin", "User not allowed")
        refuse_others(request, body, path or "")
        return await answer_admin(request, body, self._database, self._passwords)

    async def _sign_out(self, request: Request, claims: Claims) -> Response:
        scope = request.query_params.get("scope", "global")
        if scope not in ("global", "local", "others"):
            raise AuthError(400, "validation_failed", f'Unsupported logout scope "{scope}"')
        async with self._database.accounts() as connection:
            user = await _signed_in(connection, claims)
            session = claims.get("session_id")
            if scope == "local":
                await accounts.change(connection, "delete_session", session=session)
            else:
                kept = {"user": user["id"], "except": session if scope == "others" else None}
                await accounts.change(connection, "delete_sessions", **kept)
        return Response(status_code=204, headers=AUTH_VERSION)


def _refuse_other_providers(body: Body) -> None:
    email, phone = (body.get(name) not in (None, "") for name in ("email", "phone"))
    if email and phone:
        message = "Only an email address or phone number should be provided on signup."
        raise AuthError(400, "validation_failed", message)
    if phone:
        raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
    if not email:
        raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")


async def _signed_in(connection: AuthConnection, claims: Claims) -> Row:
    try:
        sub = uuid.UUID(str(claims.get("sub", "")))
    except ValueError as error:
        raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim") from error
    user = await accounts.one(connection, "user_by_id", id=sub)
    if user is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    session = claims.get("session_id")
    if session and not await accounts.one(connection, "session", session=str(session), user=sub):
        message = "Session from session_id claim in JWT does not exist"
        raise AuthError(403, "session_not_found", message)
    if accounts.is_banned(user):
        raise AuthError(403, "user_banned", "User is banned")
    return user
