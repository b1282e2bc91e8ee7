"""This file is where the Graph API is called: send one message, look for it in the thread."""

import logging
from typing import Any
from urllib.parse import quote

import httpx

from pipeline.adapters.graph import TIMEOUT_SECONDS, Graph, read_answer
from pipeline.adapters.thread import (
    MOST_PARTS,
    ROW_FIELDS,
    ROWS_AT_ONCE,
    THREAD_FIELDS,
    find_ours,
    goes_on,
)
from pipeline.adapters.usage import regain_seconds, usage_percent
from pipeline.adapters.wire import provider_http
from pipeline.model import Job, Notice, Receipt
from pipeline.ports import OutcomeUnknownError
from pipeline.settings import Settings

# httpx logs whole addresses at INFO, and ours carry the appsecret_proof.
for _logger in ("httpx", "httpcore", "httpx2", "httpcore2"):
    logging.getLogger(_logger).setLevel(logging.WARNING)

UNREADABLE = "Facebook's answer about the thread is unreadable."


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

        Raises OutcomeUnknownError where a row that cannot be read might be ours.
        """
        wanted = {"platform": "messenger", "user_id": job.sender_id, "fields": THREAD_FIELDS}
        response = await self._graph.call("GET", f"{_page(job)}/conversations", token, wanted, None)
        answer = read_answer(response, token)
        try:
            found = [await self._find_in(thread, job, token) for thread in answer["data"]]
        except (KeyError, TypeError, AttributeError):
            raise OutcomeUnknownError(UNREADABLE) from None
        message_id = next((each for each, _ in found if each), None)
        if message_id is None and any(is_doubtful for _, is_doubtful in found):
            raise OutcomeUnknownError(UNREADABLE)
        return message_id

    async def _find_in(
        self, thread: dict[str, Any], job: Job, token: str
    ) -> tuple[str | None, bool]:
        """The same in one conversation, as far back as the attempt; whether a row was odd."""
        part, was_odd = thread["messages"], False
        for number in range(MOST_PARTS):
            found, is_odd = find_ours(job, part["data"])
            was_odd = was_odd or is_odd
            cursor = goes_on(job, part)
            if found or not cursor or number == MOST_PARTS - 1:
                break
            part = await self._older(str(thread["id"]), cursor, token)
        return found, was_odd

    async def _older(self, conversation_id: str, cursor: str, token: str) -> dict[str, Any]:
        wanted = {"fields": ROW_FIELDS, "limit": str(ROWS_AT_ONCE), "after": cursor}
        path = f"{quote(conversation_id, safe='')}/messages"
        return read_answer(await self._graph.call("GET", path, token, wanted, None), token)

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
