"""This file is where the sandbox's Graph API is shown to answer as Meta documents it."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from local.sandbox.fault_kinds import FACEBOOK, OF_WEBHOOK
from local.sandbox.serve import Sandbox, call, serve_sandbox
from local.sandbox.server import SandboxConfig
from tests.providers.jobs import PAGE, PERSON

BEARER = {"Authorization": "Bearer EAAtoken"}
BODY: dict[str, Any] = {
    "recipient": {"id": PERSON},
    "messaging_type": "RESPONSE",
    "message": {"text": "Hi", "metadata": "stagelight:1"},
}


def post(sandbox: Sandbox, body: Any = None, **more: Any) -> httpx.Response:
    sent = {"json": BODY if body is None else body, "headers": BEARER, **more}
    return call("POST", f"{sandbox.graph_url}/{PAGE}/messages", **sent)


def test_a_message_is_answered_with_both_ids_and_the_usage_headers(sandbox: Sandbox) -> None:
    response = post(sandbox)

    assert response.status_code == 200
    assert response.json()["recipient_id"] == PERSON
    assert response.json()["message_id"].startswith("m_")
    assert json.loads(response.headers["x-app-usage"])["call_count"] < 75
    assert PAGE in json.loads(response.headers["x-business-use-case-usage"])


def test_received_messages_have_the_documented_fields(sandbox: Sandbox) -> None:
    sent = post(sandbox).json()

    (row,) = sandbox.messages(page_id=PAGE, recipient_id=PERSON)
    assert row["message_id"] == sent["message_id"]
    assert (row["text"], row["metadata"]) == ("Hi", "stagelight:1")
    assert datetime.fromisoformat(row["received_at"]).tzinfo is not None
    assert sandbox.messages(page_id="another") == []


def test_a_form_is_taken_like_json(sandbox: Sandbox) -> None:
    form = {name: json.dumps(value) for name, value in BODY.items()}
    form["messaging_type"] = "RESPONSE"
    response = post(sandbox, json=None, data={**form, "access_token": "t"}, headers={})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("headers", "parameters", "subcode"),
    [
        ({}, {}, 467),
        ({"Authorization": "Basic x"}, {}, 467),
        ({"Authorization": "Bearer invalid"}, {}, 467),
        ({}, {"access_token": "expired-one"}, 463),
    ],
)
def test_a_missing_or_bad_token_is_error_190(
    sandbox: Sandbox, headers: dict[str, str], parameters: dict[str, str], subcode: int
) -> None:
    error = post(sandbox, headers=headers, params=parameters).json()["error"]

    assert (error["code"], error["error_subcode"]) == (190, subcode)
    assert error["type"] == "OAuthException"
    assert error["fbtrace_id"]
    assert sandbox.messages() == []


def test_a_token_may_come_as_a_parameter(sandbox: Sandbox) -> None:
    assert post(sandbox, headers={}, params={"access_token": "EAAtoken"}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"recipient": None},
        {"recipient": {}},
        {"message": {}},
        {"message": {"text": "  "}},
        {"message": {"text": "x" * 2000}},
        {"message": {"text": "x", "metadata": "x" * 1000}},
        {"messaging_type": None},
        {"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"},
    ],
)
def test_a_wrong_parameter_is_error_100(sandbox: Sandbox, change: dict[str, Any]) -> None:
    response = post(sandbox, {**BODY, **change})

    assert (response.status_code, response.json()["error"]["code"]) == (400, 100)
    assert sandbox.messages() == []


@pytest.mark.parametrize("content", [b"", b"[]", b"not json", b'"text"', b"\xff"])
def test_an_unreadable_body_is_error_100(sandbox: Sandbox, content: bytes) -> None:
    headers = {**BEARER, "Content-Type": "application/json"}

    assert post(sandbox, json=None, content=content, headers=headers).json()["error"]["code"] == 100


def test_a_thread_shows_both_sides_newest_first(sandbox: Sandbox) -> None:
    sandbox.reply(PAGE, PERSON, "Hello?")
    post(sandbox)

    (thread,) = read_threads(sandbox, "id,messages.limit(20){id,created_time,from,message}")
    assert [row["message"] for row in thread["messages"]["data"]] == ["Hi", "Hello?"]
    assert [row["from"]["id"] for row in thread["messages"]["data"]] == [PAGE, PERSON]
    assert "to" not in thread["messages"]["data"][0]


def test_a_thread_is_found_by_its_id_too(sandbox: Sandbox) -> None:
    post(sandbox)
    (thread,) = read_threads(sandbox, "id,updated_time")
    assert "messages" not in thread

    wanted = {"fields": "messages{message}"}
    found = call("GET", f"{sandbox.graph_url}/{thread['id']}", params=wanted, headers=BEARER)
    none = call("GET", f"{sandbox.graph_url}/t_none", headers=BEARER)
    assert found.json()["messages"]["data"][0]["message"] == "Hi"
    assert none.json()["error"]["code"] == 100


def test_only_the_twenty_newest_messages_tell_their_text(sandbox: Sandbox) -> None:
    for number in range(22):
        sandbox.reply(PAGE, PERSON, f"line {number}")

    (thread,) = read_threads(sandbox, "messages.limit(100){message}")
    rows = thread["messages"]["data"]
    assert len(rows) == 22
    assert ["message" in row for row in rows] == [True] * 20 + [False] * 2


def test_another_contacts_thread_is_not_shown(sandbox: Sandbox) -> None:
    post(sandbox)

    assert read_threads(sandbox, "id", user_id="99") == []
    assert len(read_threads(sandbox, "id", user_id="")) == 1


@pytest.mark.parametrize(
    "kind", sorted(set(FACEBOOK) - OF_WEBHOOK - {"hang", "hang-after-accept", "slow"})
)
def test_a_fault_is_received_only_where_its_kind_says_so(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("facebook", kind)
    try:
        post(sandbox)
    except httpx.ReadError:
        assert kind.startswith("reset")

    assert len(sandbox.messages()) == FACEBOOK[kind].stored
    assert post(sandbox).status_code == 200


def test_the_apps_proof_is_checked_when_the_secret_is_known() -> None:
    proof = hmac.new(b"app secret", b"EAAtoken", hashlib.sha256).hexdigest()
    with serve_sandbox(SandboxConfig(app_secret="app secret")) as sandbox:
        assert post(sandbox, params={"appsecret_proof": proof}).status_code == 200
        assert post(sandbox, params={"appsecret_proof": "0"}).json()["error"]["code"] == 100
        assert post(sandbox).json()["error"]["code"] == 100


def test_test_recipients_can_be_switched_off() -> None:
    with serve_sandbox(SandboxConfig(test_recipients=False)) as sandbox:
        assert post(sandbox, {**BODY, "recipient": {"id": "99999190"}}).status_code == 200


def read_threads(sandbox: Sandbox, fields: str, user_id: str = PERSON) -> list[dict[str, Any]]:
    wanted = {"platform": "messenger", "user_id": user_id, "fields": fields}
    address = f"{sandbox.graph_url}/{PAGE}/conversations"
    rows: list[dict[str, Any]] = call("GET", address, params=wanted, headers=BEARER).json()["data"]
    return rows
