"""This file is where users, their passwords and their sessions are kept, in the auth schema."""

import asyncio
import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import bcrypt

from local.gateway.config import Config
from local.gateway.database import AuthConnection
from local.gateway.errors import AuthError
from local.gateway.statements import read_statements

SQL = read_statements("accounts.sql")
BCRYPT_BYTES = 72
LONGEST_EMAIL = 255
# The pattern of checkmail, which Supabase Auth asks.
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")
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


async def find(connection: AuthConnection, email: str) -> Row | None:
    """Who has this address, in small letters, if somebody has."""
    # No one has an address with what PostgreSQL cannot store, or a longer one than it stores.
    if "\0" in email or len(email) > LONGEST_EMAIL:
        return None
    return await one(connection, "user_by_email", email=email)


async def end_sessions(
    connection: AuthConnection, user: uuid.UUID, but: uuid.UUID | None = None
) -> None:
    """Signs the user out everywhere, `but` for one session."""
    await change(connection, "delete_sessions", **{"user": user, "except": but})


def check_email(email: str) -> str:
    """The address as it is stored; raises AuthError 400."""
    message = ""
    if not email:
        message = "An email address is required"
    elif len(email.encode(errors="surrogatepass")) > LONGEST_EMAIL:
        message = "An email address is too long"
    elif not EMAIL.fullmatch(email):
        message = "Unable to validate email address: invalid format"
    if message:
        raise AuthError(400, "validation_failed", message)
    return email.lower()


def is_banned(user: Row) -> bool:
    until: dt.datetime | None = user["banned_until"]
    return until is not None and until > dt.datetime.now(dt.UTC)


class Passwords:
    """Hashes passwords off the event loop; an unknown user costs as much time as a known one."""

    def __init__(self, config: Config) -> None:
        self._cost = config.bcrypt_cost
        self._min = config.password_min
        self._nobody = bcrypt.hashpw(b"nobody", bcrypt.gensalt(self._cost))

    async def match(self, password: str, hashed: str | None) -> bool:
        """Whether this is the password; without a hash it is not, after the same time."""
        given = _bytes(password)[:BCRYPT_BYTES]
        stored = hashed.encode() if hashed else self._nobody
        return await asyncio.to_thread(bcrypt.checkpw, given, stored) and bool(hashed)

    def weakness(self, password: str) -> str:
        """What is said of a password that is too short, which counts bytes; else nothing."""
        short = len(_bytes(password)) < self._min
        return f"Password should be at least {self._min} characters." if short else ""

    def check(self, password: str) -> None:
        """Raises AuthError for one that is longer than bcrypt reads (400) or too short (422)."""
        if len(_bytes(password)) > BCRYPT_BYTES:
            message = f"Password cannot be longer than {BCRYPT_BYTES} characters"
            raise AuthError(400, "validation_failed", message)
        if weakness := self.weakness(password):
            raise AuthError(422, "weak_password", weakness)

    async def hash(self, password: str) -> str:
        salt = bcrypt.gensalt(self._cost)
        return (await asyncio.to_thread(bcrypt.hashpw, _bytes(password), salt)).decode()


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


async def add_user(connection: AuthConnection, wanted: Mapping[str, Any]) -> Row:
    """Adds a user and their identity; `wanted` has the values of `add_user` in accounts.sql."""
    confirmed = {"email_verified": True} if wanted["confirmed"] else {}
    values = {
        **wanted,
        "app_metadata": json.dumps({"provider": "email", "providers": ["email"]}),
        "user_metadata": json.dumps({**wanted["user_metadata"], **confirmed}),
    }
    return await _insert(connection, values, {})


async def sign_up(connection: AuthConnection, wanted: Mapping[str, Any]) -> Row:
    """Adds a user who signed up: what they claim of themselves is shown, but for what is known."""
    claimed = {name: value for name, value in wanted["data"].items() if value is not None}
    known = {"sub": str(wanted["id"]), "email": wanted["email"], "phone_verified": False}
    values = {
        **wanted,
        "confirmed": True,
        "app_metadata": json.dumps({"provider": "email", "providers": ["email"]}),
        "user_metadata": json.dumps({**claimed, **known, "email_verified": True}),
    }
    return await _insert(connection, values, claimed)


async def _insert(
    connection: AuthConnection, values: Mapping[str, Any], claimed: Mapping[str, Any]
) -> Row:
    user = await the(connection, "add_user", **values)
    known = {"sub": str(user["id"]), "email": user["email"]}
    verified = {"email_verified": False, "phone_verified": False}
    identity = json.dumps({**claimed, **known, **verified})
    await change(connection, "add_identity", id=user["id"], data=identity)
    # What the database works out from the confirmation is not shown before it is read again.
    return {**user, "confirmed_at": None}


async def update(connection: AuthConnection, user: Row, **changes: Any) -> Row:
    """The user with some of password hash, confirmation, app_metadata and user_metadata changed."""
    confirmed = bool(changes.get("confirmed"))
    verified = {"email_verified": True} if confirmed else {}
    values = {
        "id": user["id"],
        "password": changes.get("password"),
        "confirmed": confirmed,
        "app_metadata": json.dumps(changes.get("app_metadata") or {}),
        "user_metadata": json.dumps({**verified, **(changes.get("user_metadata") or {})}),
    }
    changed = await the(connection, "update_user", **values)
    return {**changed, "confirmed_at": user["confirmed_at"]}


async def describe(connection: AuthConnection, users: Sequence[Row]) -> list[Row]:
    """The users as the API shows them, with their identities; never a hash or a token."""
    identities = await rows(connection, "identities", users=[user["id"] for user in users])
    return [
        shown(user, [found for found in identities if found["user_id"] == user["id"]])
        for user in users
    ]


SHOWN = (
    "id", "aud", "role", "email", "email_confirmed_at", "confirmed_at", "invited_at",
    "last_sign_in_at", "created_at", "updated_at", "banned_until", "is_anonymous",
)  # fmt: skip


def shown(user: Row, identities: list[Row] | None) -> Row:
    """One user as the API shows them; a list of users shows no identities."""
    return {
        **{name: user[name] for name in SHOWN if user[name] is not None},
        "phone": user["phone"] or "",
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "identities": identities,
    }
