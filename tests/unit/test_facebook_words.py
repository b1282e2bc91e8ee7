"""This file is where Facebook's headers and words are shown to be read safely."""

import pytest

from pipeline.adapters.redact import redact
from pipeline.adapters.usage import regain_seconds

BUSINESS = "x-business-use-case-usage"
REGAIN = "estimated_time_to_regain_access"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"x-app-usage": '{"call_count":68,"total_cputime":0,"total_time":208}'}, 0),
        ({BUSINESS: '{"1":[{"call_count":9,"estimated_time_to_regain_access":3}]}'}, 180),
        ({BUSINESS: '{"1":{"total_time":80,"estimated_time_to_regain_access":2}}'}, 120),
        ({"x-app-usage": "not json", BUSINESS: f'{{"1":[{{"{REGAIN}":7}}]}}'}, 420),
        ({"x-app-usage": "[1, null, {}]"}, 0),
        ({"x-app-usage": f'{{"{REGAIN}":"many"}}'}, 0),
    ],
)
def test_usage_headers_are_read_in_every_shape(headers: dict[str, str], seconds: float) -> None:
    assert regain_seconds(headers) == seconds


@pytest.mark.parametrize(
    ("number", "seconds"),
    [("1e308", 86_400), ("1e999", 86_400), ("9" * 400, 86_400), ("NaN", 0), ("-5", 0)],
)
def test_a_wait_without_an_end_is_a_day(number: str, seconds: float) -> None:
    assert regain_seconds({BUSINESS: f'{{"1":[{{"{REGAIN}":{number}}}]}}'}) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "Malformed access token EAAGm0PX4ZCps",
        "bad key AIzaSyA-12_34",
        "proof " + "0123456789abcdef" * 4,
        "it is my-own-token here",
    ],
)
def test_secrets_are_taken_out_of_other_peoples_words(text: str) -> None:
    told = redact(text, "my-own-token")

    assert "…" in told
    assert not any(secret in told for secret in ("EAAGm", "AIza", "0123", "my-own"))


def test_words_are_kept_on_one_short_line() -> None:
    assert redact("a\x00b\r\nc\x1b[31m") == "a b c [31m"
    assert len(redact("word " * 100)) <= 200
