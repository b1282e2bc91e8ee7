"""This file is where users, their passwords and their sessions are kept, in the auth schema."""

import asyncio
import datetime as dt
import json
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import bcrypt
import psycopg

from local.gateway.config import Config
from local.gateway.database import AuthConnection
from local.gateway.errors import AuthError
from local.gateway.statements import read_statements

SQL = read_statements("accounts.sql")
BCRYPT_BYTES = 72
LONGEST_EMAIL = 255
EMAIL = re.compile(r"[^@\s\0]{1,64}@[^@\s\0]+\.[^@\s\0]+")
Row = dict[str, Any]


async def one(connection: AuthConnection, name: str, **values: Any) -> Row | None:
    """The first row of a named statement, or None."""
    return await (await connection.execute(SQL[name].encode(), values)).fetchone()


async def the(connection: AuthConnection, name: str, **values: Any) -> Row:
    """The row of a named statement that always has one."""
    row = await one(connection, name, **values)
    if row is None:
        raise RuntimeError(f"{name} gave no row")
    return row


async def change(connection: AuthConnection, name: str, **values: Any) -> None:
    """Runs a named statement for its effect."""
    await connection.execute(SQL[name].encode(), values)


async def rows(connection: AuthConnection, name: str, **values: Any) -> list[Row]:
    """All rows of a named statement."""
    return await (await connection.execute(SQL[name].encode(), values)).fetchall()


async def get_user(connection: AuthConnection, user_id: uuid.UUID) -> Row:
    """Raises AuthError 404."""
    user = await one(connection, "user_by_id", id=user_id)
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return user


def normal_email(email: object) -> str:
    """The address as it is stored; empty for what can be no address."""
    text = email.strip().lower() if isinstance(email, str) and "\0" not in email else ""
    return text if len(text) <= LONGEST_EMAIL else ""


def is_banned(user: Row) -> bool:
    until: dt.datetime | None = user["banned_until"]
    return until is not None and until > dt.datetime.now(dt.UTC)


class Passwords:
    """Hashes passwords off the event loop; an unknown user costs as much time as a known one."""

    def __init__(self, config: Config) -> None:
        self._cost = config.bcrypt_cost
        self._min = config.password_min
        self._nobody = bcrypt.hashpw(b"nobody", bcrypt.gensalt(self._cost))

    async def match(self, password: object, hashed: str | None) -> bool:
        """Whether this is the password; without a hash it is not, after the same time."""
        text = password if isinstance(password, str) else ""
        given = text.encode(errors="surrogatepass")[:BCRYPT_BYTES]
        stored = hashed.encode() if hashed else self._nobody
        return await asyncio.to_thread(bcrypt.checkpw, given, stored) and bool(hashed)

    async def hash(self, password: object) -> str:
        """Raises AuthError 422 for one that is too short or longer than bcrypt reads."""
        if not isinstance(password, str) or len(password) < self._min:
            message = f"Password should be at least {self._min} characters."
            raise AuthError(422, "weak_password", message)
        if len(password.encode()) > BCRYPT_BYTES:
            message = f"Password cannot be longer than {BCRYPT_BYTES} characters"
            raise AuthError(422, "validation_failed", message)
        salt = bcrypt.gensalt(self._cost)
        return (await asyncio.to_thread(bcrypt.hashpw, password.encode(), salt)).decode()


async def add_user(connection: AuthConnection, wanted: Mapping[str, Any]) -> Row:
    """Adds a user and their identity; `wanted` has the values of `add_user` in accounts.sql."""
    email = normal_email(wanted["email"])
    if not EMAIL.fullmatch(email):
        message = "Unable to validate email address: invalid format"
        if len(str(wanted["email"])) > LONGEST_EMAIL:
            message = "An email address is too long"
        raise AuthError(400, "validation_failed", message)
    values = {
        **wanted,
        "email": email,
        "app_metadata": json.dumps(
            {"provider": "email", "providers": ["email"], **wanted["app_metadata"]}
        ),
        "user_metadata": json.dumps(wanted["user_metadata"]),
    }
    try:
        user = await the(connection, "add_user", **values)
    except psycopg.errors.UniqueViolation as error:
        message = "A user with this email address has already been registered"
        raise AuthError(422, "email_exists", message) from error
    data = {"sub": str(user["id"]), "email": email, "email_verified": wanted["confirmed"]}
    identity = json.dumps({**data, "phone_verified": False})
    await change(connection, "add_identity", id=user["id"], data=identity)
    return user


async def open_session(connection: AuthConnection, user: Row) -> tuple[Row, uuid.UUID]:
    """A new session, and the user as they are after signing in."""
    session = uuid.uuid4()
    await change(connection, "add_session", session=session, user=user["id"])
    return await the(connection, "signed_in", id=user["id"]), session


async def add_refresh_token(
    connection: AuthConnection, user: Row, session: uuid.UUID, parent: str | None = None
) -> str:
    """The session's next refresh token; `parent` is the one that was spent for it."""
    token = secrets.token_urlsafe(16)
    owner = str(user["id"])
    await change(
        connection, "add_refresh_token", token=token, user=owner, parent=parent, session=session
    )
    return token


async def use_refresh_token(connection: AuthConnection, token: str, reuse_seconds: int) -> Row:
    """Spends a refresh token.

    One used again after `reuse_seconds` must have been copied: it ends the whole session.
    """
    found = await one(connection, "refresh_token", token=token)
    if found is None:
        message = "Invalid Refresh Token: Refresh Token Not Found"
        raise AuthError(400, "refresh_token_not_found", message)
    if found["revoked"] and found["age"] > reuse_seconds:
        await change(connection, "delete_session", session=found["session_id"])
        await connection.commit()
        message = "Invalid Refresh Token: Already Used"
        raise AuthError(400, "refresh_token_already_used", message)
    await change(connection, "use_refresh_token", id=found["id"])
    await change(connection, "session_refreshed", session=found["session_id"])
    return found


async def describe(connection: AuthConnection, users: Sequence[Row]) -> list[Row]:
    """The users as the API shows them, with their identities; never a hash or a token."""
    identities = await rows(connection, "identities", users=[user["id"] for user in users])
    return [
        _shown(user, [found for found in identities if found["user_id"] == user["id"]])
        for user in users
    ]


SHOWN = (
    "id", "aud", "role", "email", "email_confirmed_at", "confirmed_at", "invited_at",
    "last_sign_in_at", "created_at", "updated_at", "banned_until", "is_anonymous",
)  # fmt: skip


def _shown(user: Row, identities: list[Row]) -> Row:
    return {
        **{name: user[name] for name in SHOWN if user[name] is not None},
        "phone": user["phone"] or "",
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "identities": identities,
    }
