"""This file is where Facebook's headers and words are shown to be read safely."""

import pytest

from pipeline.adapters.redact import redact
from pipeline.adapters.usage import regain_seconds, used_percent

BUSINESS = "x-business-use-case-usage"


@pytest.mark.parametrize(
    ("headers", "percent", "seconds"),
    [
        ({}, 0, 0),
        ({"x-app-usage": '{"call_count":68,"total_cputime":0,"total_time":208}'}, 208, 0),
        ({BUSINESS: '{"1":[{"call_count":9,"estimated_time_to_regain_access":3}]}'}, 9, 180),
        ({BUSINESS: '{"1":{"total_time":80,"estimated_time_to_regain_access":0}}'}, 80, 0),
        ({"x-app-usage": "not json", "x-page-usage": '{"call_count":7}'}, 7, 0),
        ({"x-app-usage": "[1, null, {}]"}, 0, 0),
        ({"x-app-usage": '{"call_count":"many"}'}, 0, 0),
    ],
)
def test_usage_headers_are_read_in_every_shape(
    headers: dict[str, str], percent: float, seconds: float
) -> None:
    assert (used_percent(headers), regain_seconds(headers)) == (percent, seconds)


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
