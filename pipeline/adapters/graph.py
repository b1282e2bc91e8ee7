"""This file is where one call of the Graph API is made, and its answer or its error read."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import httpx

from pipeline.adapters.redact import redact
from pipeline.adapters.usage import regain_seconds, usage_percent
from pipeline.ports import GraphError, MessengerError, NotSentError, OutcomeUnknownError
from pipeline.settings import Settings

TIMEOUT_SECONDS = 20.0
CONNECT_SECONDS = 5.0
# Raised before the first byte of the call is written; after that nobody knows.
NOTHING_WRITTEN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class Graph:
    """Calls with a token, which travels in a header and nowhere else."""

    def __init__(
        self, settings: Settings, http: httpx.AsyncClient, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._address = settings.graph_url.rstrip("/")
        self._app_secret = settings.facebook_app_secret
        self._http = http
        self._seconds = timeout_seconds

    async def call(
        self, method: str, path: str, token: str, parameters: dict[str, str], body: object
    ) -> httpx.Response:
        """Facebook's answer, whatever it says. Raises NotSentError and OutcomeUnknownError."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._http.request(
                    method,
                    f"{self._address}/{path}",
                    params={**parameters, **self._proof(token)},
                    json=body,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=httpx.Timeout(self._seconds, connect=CONNECT_SECONDS),
                )
        except NOTHING_WRITTEN as failure:
            raise NotSentError(f"Facebook could not be reached ({_name(failure)}).") from None
        except (httpx.HTTPError, TimeoutError) as failure:
            raise OutcomeUnknownError(f"Facebook did not answer ({_name(failure)}).") from None

    def _proof(self, token: str) -> dict[str, str]:
        if not self._app_secret:
            return {}
        proof = hmac.new(self._app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        return {"appsecret_proof": proof}


def read_answer(response: httpx.Response, token: str) -> dict[str, Any]:
    """The JSON object that was answered. Raises GraphError and OutcomeUnknownError."""
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        raise _graph_error(answer["error"], response, token)
    if not isinstance(answer, dict) or not response.is_success:
        raise OutcomeUnknownError(f"Facebook's answer is unreadable (HTTP {response.status_code}).")
    return answer


def _graph_error(error: dict[str, Any], response: httpx.Response, token: str) -> MessengerError:
    code, subcode = error.get("code"), error.get("error_subcode")
    if not isinstance(code, int):
        return OutcomeUnknownError(f"Facebook's error has no code (HTTP {response.status_code}).")
    return GraphError(
        code,
        subcode if isinstance(subcode, int) else 0,
        redact(str(error.get("message", "")), token),
        regain_seconds=regain_seconds(response.headers),
        usage_percent=usage_percent(response.headers),
    )


def _name(failure: Exception) -> str:
    return type(failure).__name__
