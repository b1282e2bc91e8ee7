"""This file is where sessions are opened and carried on, and their tokens made."""

import base64
import re
import secrets
import time
import uuid
from typing import Any

from local.gateway import accounts
from local.gateway.accounts import Row
from local.gateway.config import Config
from local.gateway.database import AuthConnection
from local.gateway.errors import AuthError
from local.gateway.tokens import Keys

REFRESH_TOKEN = re.compile(r"[a-z0-9]{12}")
# Of sessions that were opened before Supabase Auth's form was taken over.
LONGER_TOKEN = re.compile(r"[\w-]{22}", re.ASCII)


class Sessions:
    """Opens and refreshes sessions."""

    def __init__(self, config: Config, keys: Keys) -> None:
        self._config = config
        self._keys = keys

    async def open(self, connection: AuthConnection, user: Row) -> Row:
        """A new session of someone who has shown who they are."""
        session = await accounts.the(
            connection, "add_session", session=uuid.uuid4(), user=user["id"]
        )
        signed_in = await accounts.the(connection, "signed_in", id=user["id"])
        token = await _add_token(connection, session)
        known = {**signed_in, "confirmed_at": user["confirmed_at"]}
        return await self._answer(connection, known, session, token)

    async def refresh(self, connection: AuthConnection, spent: str) -> Row:
        """The session with a new access token, for one of its refresh tokens.

        The newest token's parent gets that token again, as often as it asks: its answer was
        lost. Another used one must have been copied, unless within the interval: then all
        tokens of the session are void.
        """
        found, session = await _lock(connection, spent)
        user = await accounts.get_user(connection, session["user_id"])
        if accounts.is_banned(user):
            raise AuthError(400, "user_banned", "Invalid Refresh Token: User Banned")
        token = await self._next(connection, found, session)
        await accounts.change(connection, "session_refreshed", session=session["id"])
        return await self._answer(connection, user, session, token)

    async def _next(self, connection: AuthConnection, found: Row, session: Row) -> str:
        if found["revoked"]:
            newest = await accounts.one(connection, "newest_token", session=session["id"])
            if newest and newest["parent"] == found["token"]:
                return str(newest["token"])
            if found["age"] > self._config.reuse_interval:
                await accounts.change(connection, "void_tokens", session=session["id"])
                await connection.commit()
                message = "Invalid Refresh Token: Already Used"
                raise AuthError(400, "refresh_token_already_used", message)
        await accounts.change(connection, "use_token", id=found["id"])
        return await _add_token(connection, session, found["token"])

    async def _answer(self, connection: AuthConnection, user: Row, session: Row, token: str) -> Row:
        claims = self._claims(user, session, int(time.time()))
        (shown,) = await accounts.describe(connection, [user])
        return {
            "access_token": self._keys.sign(claims),
            "token_type": "bearer",
            "expires_in": self._config.jwt_ttl,
            "expires_at": claims["exp"],
            "refresh_token": token,
            "user": shown,
        }

    def _claims(self, user: Row, session: Row, now: int) -> dict[str, Any]:
        # A refreshed token still tells when the password was given.
        signed_in = {"method": "password", "timestamp": int(session["created_at"].timestamp())}
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
            "amr": [signed_in],
            "session_id": str(session["id"]),
            "is_anonymous": user["is_anonymous"],
        }


async def _lock(connection: AuthConnection, spent: str) -> tuple[Row, Row]:
    """The token and its session, which no one else refreshes until this transaction ends."""
    known = REFRESH_TOKEN.fullmatch(spent)
    if known or LONGER_TOKEN.fullmatch(spent):
        # The session first: two who lock different tokens of it could wait in a circle.
        session = await accounts.one(connection, "lock_session", token=spent)
        found = await accounts.one(connection, "refresh_token", token=spent)
        if session and found:
            return found, session
    if not known:
        raise AuthError(400, "validation_failed", "Refresh token is not valid")
    message = "Invalid Refresh Token: Refresh Token Not Found"
    raise AuthError(400, "refresh_token_not_found", message)


async def _add_token(connection: AuthConnection, session: Row, parent: str = "") -> str:
    token = base64.b32encode(secrets.token_bytes(8)).decode().lower()[:12]
    owner, kept = str(session["user_id"]), session["id"]
    await accounts.change(
        connection, "add_refresh_token", token=token, user=owner, parent=parent, session=kept
    )
    return token
