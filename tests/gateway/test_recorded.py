"""This file is where the gateway repeats what a real PostgREST 14.5 answered to the same requests.

The requests were made at random, half of them with a mistake in them, and sent to both on equal
databases (demo.sql and the items of conftest.py); docs/embedded.md says how many. `recorded.jsonl`
keeps one of each kind that changes nothing: request, status, the headers that count, body.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import Person, Served

RECORDED = [
    json.loads(line) for line in Path(__file__).with_name("recorded.jsonl").read_text().splitlines()
]
# Who Ada and Bob were when it was recorded.
ADA, BOB = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.mark.usefixtures("items")
def test_the_gateway_answers_as_postgrest_did(gateway: Served, ada: Person, bob: Person) -> None:
    def here(text: str) -> str:
        return text.replace(ADA, ada.id).replace(BOB, bob.id)

    different = []
    for one in RECORDED:
        answer = gateway.raw(
            one["method"],
            f"/rest/v1{here(one['path'])}",
            token=ada.token if one["who"] == "ada" else "",
            headers=one.get("headers", {}),
            content=here(one["body"]).encode() if "body" in one else None,
        )
        told = {name: answer.headers.get(name) for name in one["told"]}
        wanted = {name: here(text) for name, text in one["told"].items()}
        got: tuple[Any, ...] = (answer.status_code, answer.text, told)
        if got != (one["status"], here(one["answer"]), wanted):
            different.append((one["method"], one["path"], one.get("headers"), got, one["answer"]))

    assert different == []
    assert len(RECORDED) > 300
