"""This file is where a file cannot be written, and the answer says whose fault it is."""

import asyncio

import pytest
from postgrest.exceptions import APIError

from api.exports import ATTEMPT_COLUMNS, _file
from pipeline.answers import answer


class Refusing:
    """A question that the database answers with this code."""

    def __init__(self, code: str) -> None:
        self.code = code

    async def execute(self) -> None:
        raise APIError({"code": self.code, "message": "no", "hint": None, "details": None})


@pytest.mark.parametrize(
    ("code", "status"),
    [
        # What was asked makes no sense; who asked is not signed in; the database is away.
        *((code, 400) for code in ("22P02", "22007", "22023", "42501", "PT404", "PGRST202")),
        *((code, 303) for code in ("PGRST301", "401")),
        *((code, 503) for code in ("57014", "57P01", "53300", "40P01", "PGRST002", "502", "")),
    ],
)
def test_only_a_database_that_is_away_is_unavailable(code, status):
    async def pages():
        yield await answer(Refusing(code))

    written = asyncio.run(_file("history", ATTEMPT_COLUMNS, pages()))

    assert written.status_code == status
