"""This file is where the Graph API is called: send one message, look for it in the thread."""

import logging
import unicodedata
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from pipeline.adapters.graph import TIMEOUT_SECONDS, Graph, read_answer
from pipeline.adapters.usage import regain_seconds, usage_percent
from pipeline.adapters.wire import provider_http
from pipeline.model import Job, Notice, Receipt
from pipeline.ports import OutcomeUnknownError
from pipeline.settings import Settings

# httpx logs whole addresses at INFO, and ours carry the appsecret_proof.
for _logger in ("httpx", "httpcore", "httpx2", "httpcore2"):
    logging.getLogger(_logger).setLevel(logging.WARNING)

# The database's clock and Facebook's are not the same one.
CLOCKS_DIFFER = timedelta(seconds=60)
UNREADABLE = "Facebook's answer about the thread is unreadable."
THREAD_FIELDS = "messages.limit(20){id,created_time,from,message}"


def create_http(settings: Settings) -> httpx.AsyncClient:
    """The client for Facebook; it keeps connections, as many as there are calls at once."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=50, keepalive_expiry=4)
    return provider_http(settings.graph_url, limits)


class Facebook:
    """The Messenger behind the real Graph API."""

    def __init__(
        self,
        settings: Settings,
        http: httpx.AsyncClient,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._graph = Graph(settings, http, timeout_seconds)

    async def send(self, job: Job, token: str) -> Receipt:
        """Posts `job.message`; the attempt's id goes along as metadata. Raises MessengerError."""
        said = Notice(
            job.facebook_page_id, job.sender_id, job.message, f"stagelight:{job.attempt_id}"
        )
        return await self.say(said, token)

    async def say(self, notice: Notice, token: str) -> Receipt:
        """Posts a text that no automation wrote. Raises MessengerError."""
        body = {
            "recipient": {"id": notice.sender_id},
            "messaging_type": "RESPONSE",
            "message": {"text": notice.text, "metadata": notice.metadata},
        }
        page = quote(notice.facebook_page_id, safe="")
        response = await self._graph.call("POST", f"{page}/messages", token, {}, body)
        answer = read_answer(response, token)
        message_id = answer.get("message_id")
        if not isinstance(message_id, str) or not message_id:
            raise OutcomeUnknownError("Facebook answered without saying what it did.")
        if str(answer.get("recipient_id", notice.sender_id)) != notice.sender_id:
            raise OutcomeUnknownError("Facebook's answer is about somebody else's message.")
        headers = response.headers
        return Receipt(message_id, usage_percent(headers), regain_seconds(headers))

    async def find_sent(self, job: Job, token: str) -> str | None:
        """The id of our text in the thread, not older than the attempt, or None.

        What `job.history` names is the message of another try, whatever its words are. Raises
        OutcomeUnknownError where a row that cannot be read might be ours.
        """
        wanted = {"platform": "messenger", "user_id": job.sender_id, "fields": THREAD_FIELDS}
        response = await self._graph.call("GET", f"{_page(job)}/conversations", token, wanted, None)
        answer = read_answer(response, token)
        try:
            rows = [row for thread in answer["data"] for row in thread["messages"]["data"]]
        except (KeyError, TypeError):
            raise OutcomeUnknownError(UNREADABLE) from None
        known = [(row, _is_ours(job, row)) for row in rows]
        found = [row["id"] for row, is_ours in known if is_ours]
        if not found and any(is_ours is None for _, is_ours in known):
            raise OutcomeUnknownError(UNREADABLE)
        return str(found[0]) if found else None

    async def person_on_page(self, app_scoped_id: str, page_id: str, token: str) -> str | None:
        """The page's id of the person whom the app knows by another one; None for nobody."""
        path = f"{quote(app_scoped_id, safe='')}/ids_for_pages"
        response = await self._graph.call("GET", path, token, {"page": page_id}, None)
        try:
            found = [row["id"] for row in read_answer(response, token)["data"]]
        except (KeyError, TypeError):
            raise OutcomeUnknownError("Facebook's answer about the person is unreadable.") from None
        return str(found[0]) if found else None


def _page(job: Job) -> str:
    return quote(job.facebook_page_id, safe="")


def _is_ours(job: Job, row: Any) -> bool | None:
    """Whether a message of the thread is this try's; None where the row is not as documented."""
    try:
        return _matches(job, row)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _matches(job: Job, row: dict[str, Any]) -> bool:
    if row.get("from", {}).get("id") == job.sender_id or "message" not in row:
        return False
    if any(row["id"] == said.id for said in job.history):
        return False
    if job.attempt_started_at is not None:
        written_at = datetime.fromisoformat(row["created_time"])
        if written_at < job.attempt_started_at - CLOCKS_DIFFER:
            return False
    return _plain(row["message"]) == _plain(job.message)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
