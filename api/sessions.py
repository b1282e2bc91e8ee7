"""This file is where signed-in people's tokens are kept: on the server, sealed, across restarts."""

import asyncio
import base64
import hashlib
import json
import secrets
import sqlite3
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from pipeline.clients import Tokens
from pipeline.rows import built

LIFETIME_SECONDS = 7 * 24 * 3600
# A token that ends within this time is renewed before it is used.
RENEW_SECONDS = 60

Renew = Callable[[Tokens], Awaitable[Tokens | None]]


class Sessions:
    """Sessions by an id that only the browser has; the file holds its hash and sealed tokens."""

    def __init__(self, home: Path, session_secret: str) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = home / "sessions.db"
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute(
            "create table if not exists sessions (id text primary key, sealed blob, ends_at real)"
        )
        key = hashlib.sha256(b"stagelight sessions " + session_secret.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def start(self, session: Tokens) -> str:
        """Keeps the session; returns the id for the cookie."""
        self._database.execute("delete from sessions where ends_at < ?", (time.time(),))
        session_id = secrets.token_urlsafe(32)
        self._store(session_id, session)
        return session_id

    def end(self, session_id: str) -> None:
        """Forgets the session."""
        self._database.execute("delete from sessions where id = ?", (_hash(session_id),))
        self._locks.pop(session_id, None)

    def find(self, session_id: str) -> Tokens | None:
        """The session, or None when there is none (any more)."""
        row = self._database.execute(
            "select sealed from sessions where id = ? and ends_at > ?",
            (_hash(session_id), time.time()),
        ).fetchone()
        if row is None:
            return None
        try:
            return built(Tokens, json.loads(self._fernet.decrypt(row[0])))
        except InvalidToken:  # SESSION_SECRET was changed: everybody signs in again
            return None

    async def fresh(self, session_id: str, renew: Renew) -> Tokens | None:
        """The session with a token that still works; parallel requests share one renewal.

        None when there is no session, or when Supabase no longer renews it.
        """
        session = self.find(session_id)
        if session is None or session.expires_at - time.time() > RENEW_SECONDS:
            return session
        async with self._locks[session_id]:
            session = self.find(session_id)
            if session is None or session.expires_at - time.time() > RENEW_SECONDS:
                return session
            renewed = await renew(session)
            if renewed is None:
                self.end(session_id)
            else:
                self._store(session_id, renewed)
            return renewed

    def _store(self, session_id: str, session: Tokens) -> None:
        sealed = self._fernet.encrypt(json.dumps(asdict(session)).encode())
        self._database.execute(
            "insert or replace into sessions values (?, ?, ?)",
            (_hash(session_id), sealed, time.time() + LIFETIME_SECONDS),
        )


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
