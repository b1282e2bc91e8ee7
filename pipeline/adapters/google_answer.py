"""This file is where an answer of Google AI is read: its text, why it ended, what it counted."""

import json
from typing import Any

from pydantic import BaseModel, Field

from pipeline.adapters.google_errors import AWAY_HINT
from pipeline.ports import WriterBusyError, WriterEmptyError, WriterRefusedError

# Finish reasons (facts of 2026-11); whatever else Google says is a block, with or without a text.
WHOLE = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED"})
WORTH_ANOTHER_TRY = WHOLE | {"MAX_TOKENS", "OTHER", "MALFORMED_RESPONSE", "RECITATION"}
LONGEST_REASON = 60
UNSHAPED = (
    "text_json",
    "Google AI's answer is not in the form that was asked for.",
    "Retry: the message is written anew.",
    "It was not the JSON object that is asked for.",
)
# No model reads as much. Sixteen such answers, for one message, still fit into an integer column.
MOST_TOKENS_TOLD = 10_000_000


class FollowUp(BaseModel):
    """The shape of the text that is asked for."""

    message: str


class _Part(BaseModel):
    text: str | None = None
    thought: bool | None = None


class _Content(BaseModel):
    parts: list[_Part] | None = None


class _Candidate(BaseModel):
    content: _Content | None = None
    finish_reason: str | None = Field(None, alias="finishReason")

    @property
    def text(self) -> str:
        parts = (self.content and self.content.parts) or []
        return "".join(part.text or "" for part in parts if not part.thought)


class _Feedback(BaseModel):
    block_reason: str | None = Field(None, alias="blockReason")


class Answer(BaseModel):
    """What of Google's answer is looked at; a count that makes no sense spoils no good text."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = Field(None, alias="promptFeedback")
    usage: Any = Field(None, alias="usageMetadata")

    @property
    def tokens_in(self) -> int:
        """Tokens of the prompt."""
        return self._count("promptTokenCount")

    @property
    def tokens_out(self) -> int:
        """Tokens of the text, and of the thinking, which is paid for in the same way."""
        return self._count("candidatesTokenCount") + self._count("thoughtsTokenCount")

    def _count(self, name: str) -> int:
        try:
            told = float(self.usage[name])
        except (LookupError, TypeError, ValueError, OverflowError):
            return 0
        return int(told) if 0 <= told <= MOST_TOKENS_TOLD else 0


def read(body: str) -> Answer:
    """The answer in `body`. Raises WriterBusyError for what is no answer of Google's."""
    try:
        return Answer.model_validate(json.loads(body))
    except (ValueError, RecursionError):
        raise unreadable() from None


def text_of(answer: Answer, *, is_rewrite: bool) -> str:
    """The message, if the answer is whole. Raises WriterError."""
    candidate = _first(answer)
    finish = _word(candidate.finish_reason)
    if finish not in WORTH_ANOTHER_TRY:
        raise _blocked(finish)
    message = _shaped(candidate.text)
    if message is None and finish in WHOLE and candidate.text.strip():
        if is_rewrite:
            # Words without the shape, for the second time: the checks tell whether a person wrote
            # them. Of what broke off only a part could be sent.
            return candidate.text
        raise WriterEmptyError(*UNSHAPED)
    if message is None or not message.strip():
        words = f"Google AI answered without a whole text (finish reason {finish})."
        raise WriterEmptyError("ai_empty", words, "Retry; if it stays so, change the prompt.")
    return message


def _first(answer: Answer) -> _Candidate:
    feedback = answer.prompt_feedback
    if feedback is not None and (feedback.block_reason or not answer.candidates):
        raise _blocked(_word(feedback.block_reason or "NO_CANDIDATE"))
    if not answer.candidates:
        raise unreadable()
    return answer.candidates[0]


def _shaped(text: str) -> str | None:
    try:
        return FollowUp.model_validate_json(text).message
    except ValueError:
        return None


def unreadable() -> WriterBusyError:
    """No message of Google's at all: whoever answered, it passes."""
    words = "Google AI's answer is unreadable."
    return WriterBusyError("ai_unavailable", words, AWAY_HINT, answered=True)


def _blocked(reason: str) -> WriterRefusedError:
    words = f"Google AI blocked this message (finish reason {reason})."
    hint = "Look at the automation's prompt and the contact's last messages, then retry."
    return WriterRefusedError("ai_blocked", words, hint)


def _word(reason: str | None) -> str:
    return (reason or "FINISH_REASON_UNSPECIFIED").upper()[:LONGEST_REASON]
