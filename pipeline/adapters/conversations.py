"""This file is where Facebook's list of a page's conversations is read, one part at a time."""

from typing import Any
from urllib.parse import quote

from pipeline.adapters.graph import Graph, read_answer
from pipeline.adapters.usage import regain_seconds, usage_percent
from pipeline.model import ThreadPage

COUNTED = "id"
READ = "participants,updated_time,messages.limit(20){id,created_time,from,to,message}"
COUNTED_AT_ONCE = 100
TOLD = (
    "messages,messaging_postbacks,message_echoes,message_deliveries,message_reads,"
    "messaging_policy_enforcement"
)


class Conversations:
    """The reader behind the real Graph API. Every method may raise MessengerError."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def whose(self, token: str) -> str:
        """The id of the page, or the person, that the token is of."""
        answer = read_answer(
            await self._graph.call("GET", "me", token, {"fields": "id"}, None), token
        )
        return str(answer.get("id"))

    async def count(self, page_id: str, token: str, cursor: str | None) -> ThreadPage:
        """The next conversations without their content, only to know how many there are."""
        return await self._list(page_id, token, COUNTED, COUNTED_AT_ONCE, cursor)

    async def read(self, page_id: str, token: str, cursor: str | None, limit: int) -> ThreadPage:
        """The next conversations, the newest change first, each with its newest messages."""
        return await self._list(page_id, token, READ, limit, cursor)

    async def subscribe(self, page_id: str, token: str) -> None:
        """Has Facebook tell the app of the page's messages from now on."""
        wanted = {"subscribed_fields": TOLD}
        path = f"{quote(page_id, safe='')}/subscribed_apps"
        read_answer(await self._graph.call("POST", path, token, wanted, None), token)

    async def _list(
        self, page_id: str, token: str, fields: str, limit: int, cursor: str | None
    ) -> ThreadPage:
        wanted = {"platform": "messenger", "fields": fields, "limit": str(limit)}
        after = {"after": cursor} if cursor else {}
        path = f"{quote(page_id, safe='')}/conversations"
        response = await self._graph.call("GET", path, token, {**wanted, **after}, None)
        answer = read_answer(response, token)
        threads = [row for row in _list_of(answer.get("data")) if isinstance(row, dict)]
        headers = response.headers
        return ThreadPage(threads, _next(answer), usage_percent(headers), regain_seconds(headers))


def _next(answer: dict[str, Any]) -> str | None:
    """Facebook names a cursor in every answer; only `next` says that something follows."""
    paging = answer.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None


def _list_of(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
