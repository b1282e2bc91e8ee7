"""This file is where answers of Google that are not as documented are shown to harm no message."""

import json
from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.adapters.google_answer import MOST_TOKENS_TOLD
from pipeline.model import Advance, Fail, Outcome, Retry
from tests.ports import free_port
from tests.providers.jobs import Desk
from tests.running import serving

GOOD = "Hi Amina, was the cake good?"
DEEP = "[" * 200_000


def candidate(text: Any, finish: Any = "STOP") -> dict[str, Any]:
    return {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}


def answer(text: Any, finish: Any = "STOP", **more: Any) -> Response:
    return JSONResponse({"candidates": [candidate(text, finish)], **more})


def shaped(message: str, **more: Any) -> Response:
    return answer(json.dumps({"message": message}), **more)


def written(desk: Desk, *answers: Response) -> Outcome:
    """What comes of a job when Google answers so; the last answer is given again and again."""
    left = deque(answers)

    async def google(scope: Scope, receive: Receive, send: Send) -> None:
        now: ASGIApp = left.popleft() if len(left) > 1 else left[0]
        await now(scope, receive, send)

    port = free_port()
    settings = replace(desk.settings, google_base_url=f"http://127.0.0.1:{port}")
    with serving(google, port):
        return replace(desk, settings=settings).write(desk.job())


NO_MESSAGE_OF_GOOGLES = {
    "null": Response("null", media_type="application/json"),
    "a list": JSONResponse([]),
    "a number": JSONResponse(7),
    "a string": JSONResponse("ok"),
    "empty": Response(""),
    "nothing": JSONResponse({}),
    "an error in a 200": JSONResponse({"error": {"code": 500, "message": "x"}}),
    "no candidates": JSONResponse({"candidates": []}),
    "null for candidates": JSONResponse({"candidates": None}),
    "candidates of another type": JSONResponse({"candidates": {"a": 1}}),
    "a null among the candidates": JSONResponse({"candidates": [None]}),
    "a number for a finish reason": answer("Hi", 3),
    "a number for a text": answer(5),
    "parts of another type": JSONResponse({"candidates": [{"content": {"parts": "Hi"}}]}),
    "feedback of another type": JSONResponse({"promptFeedback": "no"}),
    "too deep": Response(DEEP, media_type="application/json"),
    "too deep, as an error": Response(DEEP, 400, media_type="application/json"),
    "a page": HTMLResponse("<html>"),
    "204": Response(status_code=204),
    "302": Response(status_code=302, headers={"location": "http://127.0.0.1:9/"}),
    "307": Response(status_code=307, headers={"location": "http://127.0.0.1:9/"}),
    "529": Response("x", 529),
}


@pytest.mark.parametrize("kind", NO_MESSAGE_OF_GOOGLES)
def test_what_is_no_message_of_googles_passes(desk: Desk, kind: str) -> None:
    outcome = written(desk, NO_MESSAGE_OF_GOOGLES[kind])

    assert isinstance(outcome, Retry)
    assert outcome.code == "ai_unavailable"
    assert outcome.message.endswith(".")
    assert outcome.hint


@pytest.mark.parametrize("feedback", [{}, {"blockReason": "SAFETY"}, {"blockReason": "NEW_ONE"}])
def test_a_prompt_that_google_gave_feedback_on_is_blocked(
    desk: Desk, feedback: dict[str, str]
) -> None:
    outcome = written(desk, JSONResponse({"candidates": [], "promptFeedback": feedback}))

    assert isinstance(outcome, Fail)
    assert outcome.code == "ai_blocked"
    assert feedback.get("blockReason", "NO_CANDIDATE") in outcome.message


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (9_999_999_999_999, 0),
        (MOST_TOKENS_TOLD, MOST_TOKENS_TOLD),
        (-5, 0),
        ("12", 12),
        ("many", 0),
        (12.0, 12),
        ([1], 0),
        (None, 0),
    ],
)
def test_a_count_that_cannot_be_spoils_no_text(desk: Desk, told: Any, known: int) -> None:
    usage = {"promptTokenCount": told, "candidatesTokenCount": told}

    outcome = written(desk, shaped(GOOD, usageMetadata=usage))

    assert isinstance(outcome, Advance)
    assert outcome.fields["generated_message"] == GOOD
    assert (outcome.fields["tokens_in"], outcome.fields["tokens_out"]) == (known, known)
    assert 0 <= float(outcome.fields["cost_usd"]) < 60_000


@pytest.mark.parametrize("usage", [None, [1], "x", 7])
def test_counts_of_another_type_spoil_no_text(desk: Desk, usage: Any) -> None:
    assert isinstance(written(desk, shaped(GOOD, usageMetadata=usage)), Advance)


@pytest.mark.parametrize(
    "text",
    [
        *("null", "true", "42", f'"{GOOD}"', f"message: {GOOD}", f'["{GOOD}"]'),
        *('{"text": "Hi"}', '{"message": null}', '{"message": 5}', '{"message": ["Hi"]}'),
        *('{"message": {"text": "Hi"}}', f'[{{"message": "{GOOD}"}}]'),
        *(f'```json\n{{"message": "{GOOD}"}}\n```', f"<message>{GOOD}</message>", "[" * 1500),
    ],
)
def test_an_answer_in_another_form_is_asked_for_once_more_and_then_a_failure(
    desk: Desk, text: str
) -> None:
    again = written(desk, answer(text), shaped(GOOD))
    outcome = written(desk, answer(text))

    assert isinstance(again, Advance)
    assert again.fields["generated_message"] == GOOD
    assert isinstance(outcome, Fail)
    assert outcome.code in ("text_json", "text_placeholder")
    assert outcome.hint


def test_plain_words_are_asked_for_in_the_shape_and_taken_only_if_they_come_again(
    desk: Desk,
) -> None:
    shape = written(desk, answer("Sure! Here it is: Hi Amina"), shaped(GOOD))
    words = written(desk, answer("Sure! Here it is: Hi Amina"), answer(GOOD))
    unfit = written(desk, answer("Hi [Name]!"))

    assert isinstance(shape, Advance)
    assert isinstance(words, Advance)
    assert shape.fields["generated_message"] == words.fields["generated_message"] == GOOD
    assert isinstance(unfit, Fail)
    assert unfit.code == "text_placeholder"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("\u200b\u200d\u2060\ufeff\u00ad\u180e", "text_empty"),
        ("H" + "\u0301" * 1500 + " hello, how are you?", "text_garbled"),
        ("Hello \u202eolleh how are you today \u2066x", "text_garbled"),
        ("null", "text_json"),
        ('"Hi Amina!"', "text_json"),
    ],
)
def test_a_message_that_nobody_can_read_is_not_sent(desk: Desk, message: str, code: str) -> None:
    again = written(desk, shaped(message), shaped(GOOD))
    outcome = written(desk, shaped(message))

    assert isinstance(again, Advance)
    assert again.fields["generated_message"] == GOOD
    assert isinstance(outcome, Fail)
    assert outcome.code == code
    assert outcome.message.endswith(".")
    assert outcome.hint.endswith(".")
