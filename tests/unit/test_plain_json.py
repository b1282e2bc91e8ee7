"""This file is where answers in any script are sent as the text they are."""

import json

import pytest

from api.plain_json import plain


@pytest.mark.parametrize("text", ["محمد", "𝒜 🎂", "a\\u0041b", 'quote " and \\ and \n', "\u2028"])
def test_the_same_is_said_in_fewer_bytes(text):
    escaped = json.dumps({"text": text}).encode()

    answer = plain(escaped)

    assert json.loads(answer) == {"text": text}
    assert len(answer) <= len(escaped)


@pytest.mark.parametrize("body", [b"", b"<p>\\u0041</p>", b'"\\ud800"', b'{"a":1}'])
def test_what_cannot_be_said_plainly_is_left_as_it_is(body):
    assert plain(body) == body
