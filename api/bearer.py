"""This file is where it is found out whose bearer token a program shows: Supabase says it."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from uuid import UUID

import httpx

from api.attempts import PER_ADDRESS, Attempts
from pipeline.clients import whose
from pipeline.settings import Settings
from pipeline.shared import Shared

# So long a token that Supabase has vouched for is not asked about again.
BELIEVED_SECONDS = 30.0
LONGEST_TOKEN = 8192


@dataclass(frozen=True, slots=True)
class Bearer:
    """A person as Supabase names them, and until when, in seconds since 1970."""

    person: str
    email: str
    ends_at: float


class TooManyTokensError(Exception):
    """One address has shown too many tokens that nobody vouches for."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


class Bearers:
    """Tokens are looked up by their hash; the reading is shared by all who show the same one."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._known: Shared[tuple[str, str] | None] = Shared(kept_seconds=BELIEVED_SECONDS)
        self._strangers = Attempts(PER_ADDRESS)

    async def read(self, token: str, address: str) -> Bearer | None:
        """None for what is no token, has run out, or Supabase does not know.

        Raises SignInError when Supabase is away, TooManyTokensError for an address that guesses.
        """
        now = time.monotonic()
        wait = self._strangers.wait_seconds(address, now)
        if wait:
            raise TooManyTokensError(wait)
        ends_at = claimed_end(token)
        if ends_at <= time.time():
            return None
        name = hashlib.sha256(token.encode()).digest()
        found, _, _ = await self._known.get(
            name, BELIEVED_SECONDS, lambda: whose(self._settings, self._http, token)
        )
        if found is None:
            self._strangers.count(address, now)
            return None
        return Bearer(*found, ends_at)


def claimed_end(token: str) -> float:
    """When a token says that it ends, unverified; 0 for what cannot be a person's token."""
    if len(token) > LONGEST_TOKEN or not token.isascii() or token.count(".") != 2:
        return 0.0
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        UUID(claims["sub"])
        return float(claims["exp"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return 0.0
