"""This file is where Google AI's answers and error bodies are written, good and bad."""

from typing import Any, NamedTuple
from uuid import uuid4

from starlette.responses import JSONResponse

QUOTA = "GenerateRequestsPer{}PerProjectPerModel-FreeTier"
IMPOSSIBLE = 9_999_999_999_999
RETRY_AFTER = {"rate-limit": "2.5s", "daily-quota": "38.2s"}


class GoogleAnswer(NamedTuple):
    """An error of Google AI."""

    status: int
    name: str
    message: str


ERRORS: dict[str, GoogleAnswer] = {
    "rate-limit": GoogleAnswer(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    "daily-quota": GoogleAnswer(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    "internal": GoogleAnswer(500, "INTERNAL", "An internal error has occurred."),
    "unavailable": GoogleAnswer(503, "UNAVAILABLE", "The model is overloaded. Try again later."),
    "invalid-key": GoogleAnswer(400, "INVALID_ARGUMENT", "API key not valid."),
    "no-key": GoogleAnswer(403, "PERMISSION_DENIED", "Callers without established identity."),
    "permission": GoogleAnswer(403, "PERMISSION_DENIED", "The caller does not have permission."),
    "no-such-model": GoogleAnswer(404, "NOT_FOUND", "The model is not found for API version."),
    "bad-request": GoogleAnswer(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
}

BAD_TEXTS: dict[str, str] = {
    "empty": "",
    "malformed": '{"message": "Hi there, just checking',
    "placeholder": "Hi [Name], are you still interested?",
    "refusal": "I'm sorry, but I can't help with that request.",
    "too-long": "Still thinking about it? " * 96,
    "huge": "Still thinking about it? " * 42_000,
    "repeat": "Hi again! Just wanted to check in with you.",
    "wrong-language": "Ελπίζουμε να είστε καλά! Σας ενδιαφέρει ακόμη η προσφορά μας;",
    "unshaped": "null",
    "unseen": "\u200b\u200d\u2060\ufeff",
    "garbled": "Hi \u202eolleh" + "\u0301" * 100 + ", are you still interested?",
    "link": "Hi! Here is your special offer: https://example.net/win?id=1",
}


def error(kind: str) -> JSONResponse:
    """The error of this kind, with the details Google adds to it."""
    answer = ERRORS[kind]
    body: dict[str, Any] = {
        "code": answer.status,
        "message": answer.message,
        "status": answer.name,
    }
    details = _details(kind)
    if details:
        body["details"] = details
    return JSONResponse({"error": body}, answer.status)


def no_message() -> JSONResponse:
    """What is an error by its words, and none by its status."""
    return JSONResponse({"error": {"code": 500, "message": "An internal error has occurred."}})


def reply(text: str, model: str, prompt_tokens: int, finish: str = "STOP") -> JSONResponse:
    """A candidate with this text."""
    content: dict[str, Any] = {"role": "model"}
    if text or finish == "STOP":
        content["parts"] = [{"text": text}]
    candidate = {"content": content, "finishReason": finish, "index": 0}
    return JSONResponse({"candidates": [candidate], **_tail(text, model, prompt_tokens)})


def blocked_prompt(model: str, prompt_tokens: int) -> JSONResponse:
    """No candidate: the prompt itself was refused."""
    feedback = {"blockReason": "PROHIBITED_CONTENT"}
    return JSONResponse({"promptFeedback": feedback, **_tail("", model, prompt_tokens)})


def count_tokens(text: str) -> int:
    """About four characters a token in ASCII, about two elsewhere."""
    plain = sum(character.isascii() for character in text)
    return plain // 4 + (len(text) - plain) // 2 + 1 if text else 0


def _tail(text: str, model: str, prompt_tokens: int) -> dict[str, Any]:
    written = count_tokens(text)
    usage = {
        "promptTokenCount": prompt_tokens,
        "candidatesTokenCount": written,
        "totalTokenCount": prompt_tokens + written,
    }
    return {"usageMetadata": usage, "modelVersion": model, "responseId": uuid4().hex[:22]}


def _details(kind: str) -> list[dict[str, Any]]:
    google = "type.googleapis.com/google.rpc."
    if kind == "invalid-key":
        info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        return [{"@type": google + "ErrorInfo", **info}]
    if kind not in RETRY_AFTER:
        return []
    quota = QUOTA.format("Day" if kind == "daily-quota" else "Minute")
    violation = {"quotaMetric": "generativelanguage.googleapis.com/requests", "quotaId": quota}
    return [
        {"@type": google + "QuotaFailure", "violations": [violation]},
        {"@type": google + "RetryInfo", "retryDelay": RETRY_AFTER[kind]},
    ]
