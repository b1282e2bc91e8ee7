"""This file is where the browser hands over a page's token: in one request, kept nowhere else."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.connecting import Connected, ConnectError, Connector
from pipeline.feed import FeedError, signed_in
from pipeline.settings import LOOPBACK, Settings

ADDRESS = "/api/pages/connect"
NOT_READY = "This dashboard cannot connect pages yet."
BAD = ConnectError("form", "This form is not known here.", "Reload the page.")


def why_not(settings: Settings) -> ConnectError | None:
    """What is missing before a page can be connected here, or None."""
    if not settings.token_encryption_key:
        return ConnectError(
            "form", NOT_READY, "Set TOKEN_ENCRYPTION_KEY, the same as the worker's."
        )
    if settings.send_mode == "live":
        return None
    host = urlsplit(settings.facebook_graph_url).hostname
    if host not in LOOPBACK:
        hint = (
            "SEND_MODE=sandbox only talks to this machine: point FACEBOOK_GRAPH_URL at the sandbox."
        )
        return ConnectError("form", NOT_READY, hint)
    return None


@dataclass(frozen=True, slots=True)
class Connecting:
    """The one route. What goes wrong is an answer, not a status: it belongs beside a field."""

    connector: Connector | None
    problem: ConnectError | None

    @property
    def routes(self) -> list[BaseRoute]:
        """For the dashboard's server."""
        return [Route(ADDRESS, self.connect, methods=["POST"])]

    async def connect(self, request: Request) -> Response:
        """POST {token, page_id}: connected, or pages to choose from, or what is wrong."""
        try:
            if self.connector is None:
                raise self.problem or BAD
            token, page_id = asked(request, await request.body())
            found = await self.connector.connect(signed_in.get(), token, page_id)
        except ConnectError as error:
            return problem(error.field, error.message, error.hint)
        except FeedError as error:
            if error.signed_out:
                return JSONResponse({"signed_out": True})
            return problem("form", error.message, error.hint)
        if isinstance(found, Connected):
            told = {"name": found.name, "problem": found.problem, "page_id": found.page_id}
            return JSONResponse({"connected": told})
        rows = [{"id": page.id, "name": page.name, "may": page.may_write} for page in found]
        return JSONResponse({"choose": rows})


def asked(request: Request, body: bytes) -> tuple[str, str]:
    """Token and page id. Raises ConnectError for another shape, without repeating it."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise BAD
    try:
        sent: Any = json.loads(body)
    except ValueError:
        raise BAD from None
    token = sent.get("token") if isinstance(sent, dict) else None
    page_id = sent.get("page_id", "") if isinstance(sent, dict) else None
    if not isinstance(token, str) or not isinstance(page_id, str) or len(page_id) > 100:
        raise BAD
    return token, page_id.strip()


def problem(field: str, message: str, hint: str) -> Response:
    """One sentence, and what to do."""
    return JSONResponse({"problem": {"field": field, "message": message, "hint": hint}})
