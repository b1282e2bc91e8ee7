"""This file is where Facebook is asked whose a token is and which pages it opens."""

from typing import Any
from urllib.parse import quote

from pipeline.adapters.conversations import Conversations
from pipeline.adapters.graph import Graph, read_answer
from pipeline.connecting import MAY_WRITE, FoundPage, Known
from pipeline.ports import GraphError, OutcomeUnknownError

# Larger answers are refused for people with many pages.
PAGES_AT_ONCE = 50
MOST_PAGES = 2000


class PageDirectory:
    """The Directory behind the real Graph API."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def me(self, token: str) -> FoundPage:
        """Whose the token is."""
        answer = await self._get("me", token, {"fields": "id,name"})
        if not isinstance(answer.get("id"), str):
            raise OutcomeUnknownError("Facebook's answer about the token is unreadable.")
        return FoundPage(answer["id"], str(answer.get("name") or answer["id"]), token)

    async def known(self, token: str) -> Known:
        """What kind it is, what is granted, when it ends; it vouches for itself."""
        data = (await self._post("debug_token", token, {"input_token": token})).get("data")
        if not isinstance(data, dict):
            return Known()
        scopes, ends = data.get("scopes"), data.get("expires_at")
        return Known(
            str(data.get("type") or ""),
            [str(scope) for scope in scopes] if isinstance(scopes, list) else None,
            float(ends) if isinstance(ends, int) else 0.0,
        )

    async def pages(self, token: str) -> list[FoundPage] | None:
        """The pages of a person, answer by answer; None for a page's token."""
        found: list[FoundPage] = []
        wanted = {"fields": "id,name,access_token,tasks", "limit": str(PAGES_AT_ONCE)}
        while len(found) < MOST_PAGES:
            try:
                answer = await self._get("me/accounts", token, wanted)
            except GraphError as error:
                if error.code == 100 and not found and "nonexisting field" in error.message.lower():
                    return None
                raise
            found += [page for row in _rows(answer) if (page := _page(row))]
            after = _after(answer)
            if not after:
                break
            wanted["after"] = after
        return found

    async def look_into(self, page_id: str, token: str) -> None:
        """Reads one conversation, to see whether it may."""
        path = f"{quote(page_id, safe='')}/conversations"
        await self._get(path, token, {"platform": "messenger", "fields": "id", "limit": "1"})

    async def subscribe(self, page_id: str, token: str) -> None:
        """Has Facebook tell of the page's messages."""
        await Conversations(self._graph).subscribe(page_id, token)

    async def _get(self, path: str, token: str, wanted: dict[str, str]) -> dict[str, Any]:
        return read_answer(await self._graph.call("GET", path, token, wanted, None), token)

    async def _post(self, path: str, token: str, body: dict[str, str]) -> dict[str, Any]:
        """A GET whose parameters travel in the body, as Graph allows: addresses are logged."""
        wanted = {**body, "method": "get"}
        return read_answer(await self._graph.call("POST", path, token, {}, wanted), token)


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    rows = answer.get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _page(row: dict[str, Any]) -> FoundPage | None:
    page_id, token = row.get("id"), row.get("access_token")
    if not isinstance(page_id, str) or not isinstance(token, str):
        return None
    tasks = row.get("tasks")
    may_write = not isinstance(tasks, list) or bool(MAY_WRITE & set(map(str, tasks)))
    return FoundPage(page_id, str(row.get("name") or page_id), token, may_write)


def _after(answer: dict[str, Any]) -> str:
    paging = answer.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return ""
    cursors = paging.get("cursors")
    return str(cursors.get("after") or "") if isinstance(cursors, dict) else ""
