"""This file is where Google AI is asked for one follow-up message."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import httpx
from google import genai
from google.genai import types
from google.genai.errors import APIError
from pydantic import BaseModel

from pipeline.adapters.google_errors import AWAY_HINT, explain
from pipeline.adapters.prompt import instruct, tell
from pipeline.adapters.wire import provider_http
from pipeline.clock import DatabaseClock
from pipeline.model import Draft, Job
from pipeline.ports import WriterBusyError, WriterEmptyError, WriterError, WriterRefusedError
from pipeline.prices import cost_of, parse_prices
from pipeline.settings import Settings
from pipeline.tls import trust_for

TIMEOUT_SECONDS = 30.0
# Thinking tokens count here too, so there is more room than 2,000 characters need.
MOST_TOKENS = 2048
# Finish reasons (facts of 2026-11); whatever else Google says is a block, with or without a text.
WHOLE = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED"})
WORTH_ANOTHER_TRY = WHOLE | {"MAX_TOKENS", "OTHER", "MALFORMED_RESPONSE", "RECITATION"}


class FollowUp(BaseModel):
    """The answer's shape."""

    message: str


class GoogleAi:
    """The Writer behind the real google-genai client; one per process, closed at its end."""

    def __init__(
        self,
        settings: Settings,
        timeout_seconds: float = TIMEOUT_SECONDS,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        settings.require("google_api_key")
        self._http = provider_http(settings.google_base_url)
        self._client = genai.Client(
            vertexai=False,
            api_key=settings.google_api_key,
            http_options=types.HttpOptions(
                base_url=settings.google_base_url or None,
                api_version="v1beta",
                timeout=int(timeout_seconds * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,
                client_args={"verify": trust_for(settings.google_base_url)},
            ),
        )
        self._model = settings.google_model
        self._prices = parse_prices(settings.google_prices)
        self._seconds = timeout_seconds
        self._now = now or DatabaseClock().now

    async def write(self, job: Job, correction: str = "") -> Draft:
        """One draft, unchecked. Raises WriterError, with what the answer cost if there was one."""
        model = job.model or self._model
        started = time.monotonic()
        answer = await self._ask(model, tell(job, correction), instruct(job))
        usage = answer.usage_metadata or types.GenerateContentResponseUsageMetadata()
        tokens_in = usage.prompt_token_count or 0
        tokens_out = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        spent = Draft(
            text="",
            model=model,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            generation_time_ms=round((time.monotonic() - started) * 1000),
            cost_usd=cost_of(model, tokens_in, tokens_out, self._prices),
        )
        try:
            return replace(spent, text=_text(answer))
        except WriterError as error:
            error.spent = spent
            raise

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aio.aclose()
        self._client.close()
        await self._http.aclose()

    async def _ask(
        self, model: str, contents: str, instruction: str
    ) -> types.GenerateContentResponse:
        config = types.GenerateContentConfig(
            system_instruction=instruction,
            max_output_tokens=MOST_TOKENS,
            response_mime_type="application/json",
            response_schema=FollowUp,
            thinking_config=thinking_for(model),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        try:
            async with asyncio.timeout(self._seconds):
                return await self._client.aio.models.generate_content(
                    model=model, contents=contents, config=config
                )
        except APIError as failure:
            raise explain(failure, self._now()) from None
        except (httpx.HTTPError, TimeoutError) as failure:
            words = f"Google AI did not answer ({type(failure).__name__})."
            raise WriterBusyError("ai_unavailable", words, AWAY_HINT) from None
        except ValueError:
            words = "Google AI's answer is unreadable."
            raise WriterBusyError("ai_unavailable", words, AWAY_HINT) from None


def thinking_for(model: str) -> types.ThinkingConfig:
    """As little thinking as the model allows (facts of 2026-11: 3.8 and pro have no minimal).

    `gemini-flash-latest` is whichever is newest, and every one of them knows low.
    """
    if model.startswith("gemini-2.5"):
        return types.ThinkingConfig(thinking_budget=128 if "pro" in model else 0)
    least_is_low = model.startswith(("gemini-3.8", "gemini-flash-latest")) or "pro" in model
    level = types.ThinkingLevel.LOW if least_is_low else types.ThinkingLevel.MINIMAL
    return types.ThinkingConfig(thinking_level=level)


def _text(answer: types.GenerateContentResponse) -> str:
    """The message, if the answer is whole. Raises WriterRefusedError and WriterEmptyError."""
    feedback = answer.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        raise _blocked(_word(feedback.block_reason))
    finish = _word(answer.candidates[0].finish_reason if answer.candidates else None)
    if finish not in WORTH_ANOTHER_TRY:
        raise _blocked(finish)
    if isinstance(answer.parsed, FollowUp) and answer.parsed.message.strip():
        return answer.parsed.message
    # Not in the shape that was asked for; of what broke off only a part could be sent.
    if finish in WHOLE and answer.parsed is None and (answer.text or "").strip():
        return answer.text or ""
    words = f"Google AI answered without a whole text (finish reason {finish})."
    raise WriterEmptyError("ai_empty", words, "Retry; if it stays so, change the prompt.")


def _blocked(reason: str) -> WriterRefusedError:
    words = f"Google AI blocked this message (finish reason {reason})."
    hint = "Look at the automation's prompt and the contact's last messages, then retry."
    return WriterRefusedError("ai_blocked", words, hint)


def _word(reason: object) -> str:
    return str(getattr(reason, "value", reason) or "FINISH_REASON_UNSPECIFIED")
