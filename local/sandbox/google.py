"""This file is where Google AI's generateContent is spoken."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.sandbox import network
from local.sandbox.faults import Fault, Faults
from local.sandbox.google_answers import (
    BAD_TEXTS,
    IMPOSSIBLE,
    blocked_prompt,
    count_tokens,
    error,
    no_message,
    reply,
)
from local.sandbox.writing import compose, obey

GONE = ("gemini-1.", "gemini-2.0")


@dataclass
class Google:
    """Writes follow-ups the way Google AI answers, after a delay, with the faults asked for."""

    faults: Faults
    delay: network.Delay

    async def generate(self, request: Request) -> Response:
        """POST /{version}/models/{model}:generateContent."""
        model = request.path_params["model"]
        refusal = _refuse(request, model)
        if refusal is not None:
            return refusal
        asked = await _read(request)
        if asked is None:
            return error("bad-request")
        fault = self.faults.take("google", "write", text=asked.text)
        await self.delay.wait()
        if fault is not None and fault.kind == "slow":
            await network.Delay(fault.seconds, fault.seconds).wait()
        if fault is None or fault.answer == "ok":
            odd = fault is not None and fault.kind == "impossible-counts"
            text = asked.shape(compose(asked.system, asked.text))
            return reply(text, model, IMPOSSIBLE if odd else asked.tokens)
        return await _go_wrong(request, asked, model, fault)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: the system instruction, the data, the schema of the answer."""

    system: str
    text: str
    schema: dict[str, Any] | None

    @property
    def tokens(self) -> int:
        """About what the prompt costs."""
        return count_tokens(self.system + self.text)

    def shape(self, text: str) -> str:
        """`text` as the schema wants it; unchanged without a schema."""
        if self.schema is None:
            return text
        return json.dumps(_fill(self.schema, text), ensure_ascii=False)


def _refuse(request: Request, model: str) -> Response | None:
    key = request.headers.get("x-goog-api-key") or request.query_params.get("key", "")
    if not key:
        return error("no-key")
    if "invalid" in key:
        return error("invalid-key")
    if not model.startswith("gemini-") or model.startswith(GONE):
        return error("no-such-model")
    return None


async def _read(request: Request) -> Asked | None:
    try:
        body = json.loads(await request.body())
        system = _joined([body["systemInstruction"]]) if "systemInstruction" in body else ""
        text = _joined(body["contents"])
        config = body.get("generationConfig") or {}
        wants_json = config.get("responseMimeType") == "application/json"
        schema = config.get("responseSchema") or config.get("responseJsonSchema") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Asked(system, text, schema if wants_json else None)


def _joined(contents: list[dict[str, Any]]) -> str:
    return "\n".join(part.get("text", "") for content in contents for part in content["parts"])


def _fill(schema: dict[str, Any], text: str) -> Any:
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        properties = schema.get("properties") or {"message": {"type": "string"}}
        return {name: _fill(inner, text) for name, inner in properties.items()}
    if kind == "string":
        return schema["enum"][0] if schema.get("enum") else text
    return {"array": [], "boolean": False, "integer": 0, "number": 0.0}.get(kind)


async def _go_wrong(request: Request, asked: Asked, model: str, fault: Fault) -> Response:
    if fault.answer == "reset":
        return await network.reset(request)
    if fault.answer == "hang":
        return await network.hang(request)
    if fault.answer in network.PAGES:
        return network.PAGES[fault.answer]()
    return _bad_answer(asked, model, fault.answer)


def _bad_answer(asked: Asked, model: str, kind: str) -> Response:
    if kind == "prompt-blocked":
        return blocked_prompt(model, asked.tokens)
    if kind == "no-message":
        return no_message()
    if kind in ("blocked", "max-tokens"):
        finish = "SAFETY" if kind == "blocked" else "MAX_TOKENS"
        return reply("", model, asked.tokens, finish)
    if kind == "obedient":
        text = obey(asked.text)
        return reply(text if text[:1] == "{" else asked.shape(text), model, asked.tokens)
    if kind not in BAD_TEXTS:
        return error(kind)
    text = BAD_TEXTS[kind]
    as_is = kind in ("empty", "malformed", "unshaped")
    return reply(text if as_is else asked.shape(text), model, asked.tokens)
