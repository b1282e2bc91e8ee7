"""This file is where the database's answers, and its refusals, reach the person who asked."""

import re
from typing import Any
from uuid import UUID

import httpx
from postgrest.exceptions import APIError
from supabase import AsyncClient

Row = dict[str, Any]

# A person's mistake, told in words meant for people (raise exception in sql/parts/700_people.sql).
TOLD_BY_US = frozenset({"P0001", "PT404", "22023"})
SIGNED_OUT = frozenset({"PGRST301", "PGRST302", "PGRST303", "401"})
# What was asked makes no sense, breaks a rule or is not allowed: it would be refused again.
REFUSED = re.compile(r"(22|23|42|P0|PT)[0-9A-Z]{3}|PGRST[12]\d\d")
CONSTRAINT = re.compile(r'constraint "([a-z0-9_]+)"')

NEVER_ASKED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class FeedError(Exception):
    """The database could not do it; `message` and `hint` are sentences for the person."""

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        signed_out: bool = False,
        constraint: str = "",
        in_doubt: bool = False,
        away: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.signed_out = signed_out
        # Which of the database's rules was broken, so that a form can say it at the field.
        self.constraint = constraint
        # It was asked and did not answer, so it may have done it.
        self.in_doubt = in_doubt
        # It is the database that cannot answer, whatever is asked; later it may.
        self.away = away


class Asking:
    """Reads and calls with one person's client. Every method may raise FeedError."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def _read(self, table: str, columns: str) -> list[Row]:
        return list((await answer(self._client.table(table).select(columns))).data)

    async def _call(self, function: str, **arguments: Any) -> Any:
        return (await answer(self._client.rpc(function, arguments))).data


async def answer(query: Any) -> Any:
    """Sends a query of supabase-py; whatever goes wrong becomes a FeedError."""
    try:
        return await query.execute()
    except APIError as error:
        raise _told(error) from None
    except httpx.HTTPError as error:
        raise FeedError(
            "The database does not answer.",
            "What you see is the last known state; it retries.",
            in_doubt=not isinstance(error, NEVER_ASKED),
            away=True,
        ) from None


def is_uuid(text: str) -> bool:
    """Whether it is an id as the database writes it; Python knows other ways, too."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _told(error: APIError) -> FeedError:
    """Only sentences written for people are passed on; others may carry rows or internals."""
    code = str(error.code)
    if code in TOLD_BY_US and error.message:
        return FeedError(error.message, error.hint or "")
    if code == "22P02":
        return FeedError("This automation does not exist.")
    if code in SIGNED_OUT:
        return FeedError("Your sign-in has ended.", "Sign in again.", signed_out=True)
    broken = CONSTRAINT.search(error.message or "")
    return FeedError(
        "The database could not do that.",
        f"Its code was {code}. Try again.",
        constraint=broken[1] if broken else "",
        away=not REFUSED.fullmatch(code),
    )
