"""This file is where it is shown what PostgREST passes over without a word, and so the gateway."""

import pytest

from tests.gateway.conftest import Person, Served

JSON = {"Content-Type": "application/json"}
pytestmark = pytest.mark.usefixtures("items")


@pytest.mark.parametrize(
    "query", ["meta=is.null+or+1=1", "select=name);drop+table+items;--&meta=is.null"]
)
def test_what_follows_a_whole_condition_is_passed_over(
    gateway: Served, ada: Person, query: str
) -> None:
    answer = gateway.raw("GET", f"/rest/v1/items?{query}", token=ada.token)

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("body", [b"1", b"null", b"[]"])
def test_what_holds_no_rows_inserts_none(gateway: Served, ada: Person, body: bytes) -> None:
    headers = {**JSON, "Prefer": "return=representation"}

    answer = gateway.raw("POST", "/rest/v1/items", token=ada.token, headers=headers, content=body)

    assert (answer.status_code, answer.json()) == (201, [])
