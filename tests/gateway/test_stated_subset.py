"""This file is where docs/embedded.md is held to its word: each request gets the answer it says."""

import re

import pytest

from tests.gateway.conftest import Person, Served
from tests.running import ROOT

ROW = re.compile(r"^\| `([^`]+)` \|(.*)\| (\d{3}) ?(\w*) \|$", re.MULTILINE)
TEXT = (ROOT / "docs" / "embedded.md").read_text()
TOLD = ROW.findall(TEXT)
HEADER = re.compile(r"([A-Z][A-Za-z-]+): (.+)")
pytestmark = pytest.mark.usefixtures("items")


def test_every_row_of_the_table_is_read() -> None:
    section = TEXT.partition("## Request by request")[2].partition("\n## ")[0]
    head, line, *rows = (text for text in section.splitlines() if text.startswith("|"))

    assert (head, line) == ("| request | with | answer |", "|---|---|---|")
    assert len(TOLD) == len(rows)
    (decision,) = (ROOT / "docs" / "decisions").glob("0022-*")
    assert f"lists {len(rows)} requests" in decision.read_text()


@pytest.mark.parametrize("row", TOLD, ids=lambda row: f"{row[0]} {row[1].strip()}")
def test_a_request_gets_the_answer_that_is_told(
    gateway: Served, ada: Person, row: tuple[str, str, str, str]
) -> None:
    request, extra, status, code = row
    method, _, path = request.partition(" ")
    headers, body = {}, None
    for piece in re.findall(r"`([^`]+)`", extra):
        if header := HEADER.fullmatch(piece):
            headers[header[1]] = header[2]
        else:
            body = piece.encode()
    if not path.startswith("/"):
        path = f"/rest/v1/{path}"

    answer = gateway.raw(method, path, token=ada.token, headers=headers, content=body)

    assert answer.status_code == int(status), answer.text
    assert not code or answer.json()["code"] == code
