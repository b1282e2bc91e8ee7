"""This file is where an answer that Google ended early is shown never to be sent as it stands."""

import json
from dataclasses import replace

import pytest
from starlette.responses import JSONResponse

from pipeline.model import Advance, Fail, Outcome
from tests.ports import free_port
from tests.providers.jobs import Desk
from tests.running import serving

WHOLE = json.dumps({"message": "Hi Amina, was the cake good?"})
CUT_OFF = '{"message": "Hi Amina, was the'
BARE = "Hi Amina, was the"


def written(desk: Desk, text: str, finish: str | None) -> Outcome:
    """What comes of a job when every answer of Google's is this."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}
    if finish is None:
        del candidate["finishReason"]
    port = free_port()
    settings = replace(desk.settings, google_base_url=f"http://127.0.0.1:{port}")
    with serving(JSONResponse({"candidates": [candidate]}), port):
        return replace(desk, settings=settings).write(desk.job())


@pytest.mark.parametrize("finish", ["STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED", None])
def test_a_whole_text_is_taken(desk: Desk, finish: str | None) -> None:
    outcome = written(desk, WHOLE, finish)

    assert isinstance(outcome, Advance)
    assert outcome.fields["generated_message"] == "Hi Amina, was the cake good?"


@pytest.mark.parametrize(
    "finish", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "LANGUAGE"]
)
def test_a_blocked_answer_is_a_failure_although_it_has_a_text(desk: Desk, finish: str) -> None:
    outcome = written(desk, WHOLE, finish)

    assert isinstance(outcome, Fail)
    assert outcome.code == "ai_blocked"
    assert f"(finish reason {finish})" in outcome.message


@pytest.mark.parametrize("text", [CUT_OFF, BARE])
@pytest.mark.parametrize("finish", ["MAX_TOKENS", "OTHER", "MALFORMED_RESPONSE", "RECITATION"])
def test_a_text_that_broke_off_is_not_sent_and_says_why(desk: Desk, text: str, finish: str) -> None:
    outcome = written(desk, text, finish)

    assert isinstance(outcome, Fail)
    assert outcome.code == "ai_empty"
    assert f"(finish reason {finish})" in outcome.message
