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

from pipeline.adapters.google_answer import FollowUp, read, text_of, unreadable
from pipeline.adapters.google_errors import AWAY_HINT, explain
from pipeline.adapters.prompt import instruct, tell
from pipeline.adapters.wire import provider_http
from pipeline.clock import DatabaseClock
from pipeline.model import Draft, Job
from pipeline.ports import WriterBusyError, WriterError
from pipeline.prices import cost_of, parse_prices
from pipeline.settings import Settings
from pipeline.tls import trust_for
from pipeline.waits import within_a_day

TIMEOUT_SECONDS = 30.0
# Thinking tokens count here too, so there is more room than 2,000 characters need.
MOST_TOKENS = 2048


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
        answer = read(await self._ask(model, tell(job, correction), instruct(job)))
        seconds = within_a_day(time.monotonic() - started)
        cost = cost_of(model, answer.tokens_in, answer.tokens_out, self._prices)
        spent = Draft(
            text="",
            model=model,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            generation_time_ms=round(seconds * 1000),
            cost_usd=cost,
        )
        try:
            return replace(spent, text=text_of(answer, is_rewrite=bool(correction)))
        except WriterError as error:
            error.spent = spent
            raise

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aio.aclose()
        self._client.close()
        await self._http.aclose()

    async def _ask(self, model: str, contents: str, instruction: str) -> str:
        """The body of the answer: what the client itself would make of an odd one is an error."""
        config = types.GenerateContentConfig(
            system_instruction=instruction,
            max_output_tokens=MOST_TOKENS,
            response_mime_type="application/json",
            response_schema=FollowUp,
            thinking_config=thinking_for(model),
            should_return_http_response=True,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.aio.models.generate_content(
                    model=model, contents=contents, config=config
                )
        except APIError as failure:
            raise explain(failure, self._now()) from None
        except (httpx.HTTPError, TimeoutError) as failure:
            words = f"Google AI did not answer ({type(failure).__name__})."
            raise WriterBusyError("ai_unavailable", words, AWAY_HINT) from None
        except (ValueError, RecursionError):
            raise unreadable() from None
        return (answer.sdk_http_response and answer.sdk_http_response.body) or ""


def thinking_for(model: str) -> types.ThinkingConfig:
    """As little thinking as the model allows (facts of 2026-11: 3.8 and pro have no minimal).

    `gemini-flash-latest` is whichever is newest, and every one of them knows low.
    """
    if model.startswith("gemini-2.5"):
        return types.ThinkingConfig(thinking_budget=128 if "pro" in model else 0)
    least_is_low = model.startswith(("gemini-3.8", "gemini-flash-latest")) or "pro" in model
    level = types.ThinkingLevel.LOW if least_is_low else types.ThinkingLevel.MINIMAL
    return types.ThinkingConfig(thinking_level=level)
