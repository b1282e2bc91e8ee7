"""This file is where Google AI's errors, quotas and models are shown to be understood."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.genai.errors import APIError

from pages._components.causes import CAUSES
from pipeline.adapters.google_ai import GoogleAi, thinking_for
from pipeline.adapters.google_errors import explain, seconds_until_reset
from pipeline.adapters.prompt import instruct, tell
from pipeline.ports import WriterBusyError, WriterRefusedError
from pipeline.settings import Settings, SettingsError
from tests.providers.jobs import JOB

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        (NOW, 12),
        (datetime(2026, 7, 1, 7, 30, tzinfo=UTC), 23.5),
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), 23),
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), 25),
    ],
)
def test_daily_quotas_begin_again_at_midnight_in_california(moment: datetime, hours: float) -> None:
    assert seconds_until_reset(moment) == hours * 3600


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": "text"},
        {"error": {"details": "text"}},
        {"error": {"details": [1, {"@type": "x.RetryInfo", "retryDelay": "soon"}]}},
        {"error": {"details": [{"@type": "x.QuotaFailure", "violations": "none"}]}},
    ],
)
def test_a_rate_limit_without_readable_details_is_still_one(body: dict[str, Any]) -> None:
    error = explain(APIError(429, body), NOW)

    assert isinstance(error, WriterBusyError)
    assert (error.code, error.after_seconds) == ("ai_rate_limited", 0)


@pytest.mark.parametrize(
    ("delay", "seconds"), [("38.2s", 38.2), ("Infinitys", 86_400), ("1e308s", 86_400), ("nans", 0)]
)
def test_the_delay_google_asks_for_is_a_day_at_most(delay: str, seconds: float) -> None:
    details = [{"@type": "x.RetryInfo", "retryDelay": delay}]

    error = explain(APIError(429, {"error": {"details": details}}), NOW)

    assert isinstance(error, WriterBusyError)
    assert error.after_seconds == seconds


@pytest.mark.parametrize("status", [204, 302, 307, 408, 499, 500, 502, 503, 504, 529, 600])
def test_an_outage_is_waited_for(status: int) -> None:
    assert isinstance(explain(APIError(status, {}), NOW), WriterBusyError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504])
def test_every_error_has_a_code_a_sentence_and_a_hint(status: int) -> None:
    quota = [{"@type": "x.QuotaFailure", "violations": [{"quotaId": "RequestsPerDay"}]}]
    for body in ({}, {"error": {"details": quota}}, {"error": {"status": "FAILED_PRECONDITION"}}):
        error = explain(APIError(status, body), NOW)

        assert error.code in CAUSES
        assert str(error).endswith(".")
        assert error.hint.endswith(".")


def test_a_country_without_the_free_tier_is_told_from_a_long_prompt() -> None:
    words = "User location is not supported for the API use."
    body = {"error": {"code": 400, "message": words, "status": "FAILED_PRECONDITION"}}

    error = explain(APIError(400, body), NOW)

    assert error.code == "ai_region"
    assert "country" in str(error)
    assert "billing" in error.hint


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_refusal_needs_a_person_and_repeats_nothing_of_the_prompt(status: int) -> None:
    error = explain(APIError(status, {"error": {"message": "Amina's prompt"}}), NOW)

    assert isinstance(error, WriterRefusedError)
    assert error.hint
    assert "Amina" not in error.message


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("gemini-3.5-flash-lite", {"thinking_level": "MINIMAL"}),
        ("gemini-3.8-flash", {"thinking_level": "LOW"}),
        ("gemini-flash-latest", {"thinking_level": "LOW"}),
        ("gemini-flash-lite-latest", {"thinking_level": "MINIMAL"}),
        ("gemini-2.5-flash-lite", {"thinking_budget": 0}),
        ("gemini-2.5-pro", {"thinking_budget": 128}),
    ],
)
def test_every_model_thinks_as_little_as_it_can(model: str, thinking: dict[str, Any]) -> None:
    assert thinking_for(model).model_dump(exclude_none=True, mode="json") == thinking


def test_the_contacts_words_are_never_in_the_instruction() -> None:
    assert "Amina" not in instruct(JOB)
    assert "Amina" in tell(JOB)
    assert JOB.prompt in instruct(JOB)


def test_without_a_key_the_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="GOOGLE_API_KEY"):
        GoogleAi(Settings())


def test_the_ai_is_told_that_there_is_no_name() -> None:
    nameless = replace(JOB, contact_name=" ")

    assert '"name": null' in tell(nameless)
    assert "name is not known" in instruct(nameless)
    assert "name is not known" not in instruct(JOB)


def test_a_name_of_nothing_to_see_is_none() -> None:
    unseen = replace(JOB, contact_name="\u200b\u2060\u3164")

    assert '"name": null' in tell(unseen)
    assert "name is not known" in instruct(unseen)


def test_the_ai_is_told_no_name_that_would_spoil_the_message_it_stands_in() -> None:
    turned = replace(JOB, contact_name="\u202eAmina\u202c Die" + "\u0301" * 99 + "p")

    assert '"name": "Amina Die' + "\u0301" * 6 + 'p"' in tell(turned)


def test_a_prompt_with_braces_is_taken_as_it_is() -> None:
    assert "{discount}" in instruct(replace(JOB, prompt="Mention {discount} once."))
