"""This file is where the Graph API is called: send one message, look for it in the thread."""

import asyncio
import hashlib
import hmac
import json
import logging
import unicodedata
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from pipeline.adapters.redact import redact
from pipeline.adapters.usage import regain_seconds, usage_percent
from pipeline.model import Job, Receipt
from pipeline.ports import GraphError, MessengerError, NotSentError, OutcomeUnknownError
from pipeline.settings import LOOPBACK, Settings
from pipeline.tls import trust_for

# httpx logs whole addresses at INFO, and ours carry the appsecret_proof.
for _logger in ("httpx", "httpcore", "httpx2", "httpcore2"):
    logging.getLogger(_logger).setLevel(logging.WARNING)

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
# The database's clock and Facebook's are not the same one.
CLOCKS_DIFFER = timedelta(seconds=60)
THREAD_FIELDS = "messages.limit(20){id,created_time,from,message}"


def create_http(settings: Settings) -> httpx.AsyncClient:
    """The client for Facebook; no proxy stands between this machine and itself."""
    on_this_machine = urlsplit(settings.graph_url).hostname in LOOPBACK
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=50, keepalive_expiry=4)
    return httpx.AsyncClient(
        limits=limits, trust_env=not on_this_machine, verify=trust_for(settings.graph_url)
    )


class Facebook:
    """The Messenger behind the real Graph API."""

    def __init__(
        self,
        settings: Settings,
        http: httpx.AsyncClient,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._address = settings.graph_url.rstrip("/")
        self._app_secret = settings.facebook_app_secret
        self._http = http
        self._seconds = timeout_seconds

    async def send(self, job: Job, token: str) -> Receipt:
        """Posts `job.message`; the attempt's id goes along as metadata. Raises MessengerError."""
        body = {
            "recipient": {"id": job.sender_id},
            "messaging_type": "RESPONSE",
            "message": {"text": job.message, "metadata": f"stagelight:{job.attempt_id}"},
        }
        response = await self._call("POST", f"{_page(job)}/messages", token, {}, body)
        message_id = _read(response, token).get("message_id")
        if not isinstance(message_id, str) or not message_id:
            raise OutcomeUnknownError("Facebook answered without saying what it did.")
        return Receipt(message_id, usage_percent(response.headers))

    async def find_sent(self, job: Job, token: str) -> str | None:
        """The id of our text in the thread, not older than the attempt, or None."""
        wanted = {"platform": "messenger", "user_id": job.sender_id, "fields": THREAD_FIELDS}
        response = await self._call("GET", f"{_page(job)}/conversations", token, wanted, None)
        answer = _read(response, token)
        try:
            threads = [thread["messages"]["data"] for thread in answer["data"]]
            found = [row["id"] for thread in threads for row in thread if _is_ours(job, row)]
        except (KeyError, TypeError, ValueError):
            raise OutcomeUnknownError("Facebook's answer about the thread is unreadable.") from None
        return str(found[0]) if found else None

    async def _call(
        self, method: str, path: str, token: str, parameters: dict[str, str], body: object
    ) -> httpx.Response:
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


def _page(job: Job) -> str:
    return quote(job.facebook_page_id, safe="")


def _name(failure: Exception) -> str:
    return type(failure).__name__


def _read(response: httpx.Response, token: str) -> dict[str, Any]:
    try:
        answer = json.loads(response.content)
    except ValueError:
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


def _is_ours(job: Job, row: dict[str, Any]) -> bool:
    if row.get("from", {}).get("id") == job.sender_id or "message" not in row:
        return False
    if job.attempt_started_at is not None:
        written_at = datetime.fromisoformat(row["created_time"])
        if written_at < job.attempt_started_at - CLOCKS_DIFFER:
            return False
    return _plain(row["message"]) == _plain(job.message)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
