"""This file is where the sandbox's Google AI is shown to speak generateContent."""

import json
from typing import Any

import httpx
import pytest

from local.sandbox.fault_kinds import GOOGLE
from local.sandbox.serve import Sandbox, call

KEY = {"x-goog-api-key": "sandbox"}
ASKED: dict[str, Any] = {"contents": [{"parts": [{"text": '{"name": "Anna", "page": "Luna"}'}]}]}


def ask(sandbox: Sandbox, body: Any = None, **more: Any) -> httpx.Response:
    address = f"{sandbox.google_url}/v1beta/models/{more.pop('model', 'gemini-3.5-flash-lite')}"
    sent = {"json": ASKED if body is None else body, "headers": KEY, **more}
    return call("POST", f"{address}:generateContent", **sent)


def text_of(response: httpx.Response) -> str:
    return str(response.json()["candidates"][0]["content"]["parts"][0]["text"])


def test_plain_text_comes_with_usage_and_model(sandbox: Sandbox) -> None:
    response = ask(sandbox)
    usage = response.json()["usageMetadata"]

    assert "Anna" in text_of(response)
    assert "Luna" in text_of(response)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
    assert response.json()["modelVersion"] == "gemini-3.5-flash-lite"
    assert response.json()["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("name", ["responseSchema", "responseJsonSchema"])
def test_json_is_given_in_the_shape_that_was_asked_for(sandbox: Sandbox, name: str) -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "text": {"type": "STRING"},
            "tone": {"type": "string", "enum": ["warm", "cool"]},
            "links": {"type": "ARRAY"},
            "sure": {"type": "NUMBER"},
        },
    }
    config = {"responseMimeType": "application/json", name: schema}

    answer = json.loads(text_of(ask(sandbox, {**ASKED, "generationConfig": config})))

    assert "Anna" in answer["text"]
    assert (answer["tone"], answer["links"], answer["sure"]) == ("warm", [], 0.0)


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("Name: Anna\nPage: Luna", "Anna"),
        ('Write to this person. {"contact": {"first_name": "Anna"}}', "Anna"),
        ("no data at all", "our page"),
        ("", "our page"),
        ('{"name": "{0.__class__}"}', "{0.__class__}"),
        ('{"name": "Anna", "language": "Spanish"}', "Anna"),
        ('{"name": "王小明", "page": "露娜"}', "王小明"),
    ],
)
def test_any_prompt_gets_a_friendly_text(sandbox: Sandbox, prompt: str, word: str) -> None:
    response = ask(sandbox, {"contents": [{"parts": [{"text": prompt}]}]})

    assert word in text_of(response)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"x-goog-api-key": "invalid"}, 400)],
)
def test_a_missing_or_invalid_key_is_refused(
    sandbox: Sandbox, headers: dict[str, str], status: int
) -> None:
    assert ask(sandbox, headers=headers).status_code == status


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-1.5-pro", "llama"])
def test_a_model_that_does_not_exist_is_not_found(sandbox: Sandbox, model: str) -> None:
    assert ask(sandbox, model=model).json()["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "body", [[], {}, {"contents": "x"}, {"contents": [{}]}, {"contents": [{"parts": [1]}]}]
)
def test_an_unreadable_request_is_an_invalid_argument(sandbox: Sandbox, body: Any) -> None:
    assert ask(sandbox, body).json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("kind", "quota"), [("rate-limit", "PerMinute"), ("daily-quota", "PerDay")]
)
def test_a_quota_error_names_the_quota_and_the_wait(
    sandbox: Sandbox, kind: str, quota: str
) -> None:
    sandbox.fault("google", kind)

    response = ask(sandbox)

    failure, retry = response.json()["error"]["details"]
    assert response.status_code == 429
    assert quota in failure["violations"][0]["quotaId"]
    assert retry["retryDelay"].endswith("s")


@pytest.mark.parametrize("kind", sorted(set(GOOGLE) - {"hang", "slow", "reset-before"}))
def test_a_fault_happens_once_and_is_over(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("google", kind)
    wrong, right = ask(sandbox), ask(sandbox)

    assert wrong.content != right.content
    assert "Anna" in text_of(right)
