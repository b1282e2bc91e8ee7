"""This file is where Facebook passes on that a person wants their data deleted."""

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import parse_qs

import httpx
from postgrest import APIError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipeline.inbox import Inbox
from pipeline.settings import Settings
from pipeline.store import UnreadableAnswerError

LARGEST_FORM = 64 * 1024
ASK_SECONDS = 0.8
CODE_LENGTH = 24
SEAL_LENGTH = 8
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Data deletion</title></head><body><h1>Data deletion</h1><p>{words}</p></body></html>
"""
WORDS = {
    "waiting": "Your request of {requested} has been received and is being worked on.",
    "done": "Done on {done}: nothing about you is kept any more.",
    "done_where_asked": "Done on {done}: everything about you that could be found is deleted. A "
    "page that is no longer connected here could not be asked; if you talked to that one, please "
    "write to it that it should delete your data.",
    "partly": "What was found of you by your request of {requested} is deleted. Of one page "
    "Facebook has not told us whether you talked to it; if you did, please write to it, too.",
    "unresolved": "Facebook did not tell us which conversation your request of {requested} is "
    "about. Please write to the page you talked to that it should delete your data.",
}
ON_ITS_WAY = "Your request is being taken in. Please look again in a minute."


class BadRequestError(Exception):
    """What was posted is no request of Facebook's; `status` says how it is answered."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def read_signed_request(form: bytes, secret: bytes) -> dict[str, Any]:
    """The payload. Raises BadRequestError."""
    try:
        signed = parse_qs(form.decode("ascii"), max_num_fields=20)["signed_request"][0]
        proof, payload = signed.split(".")
        given = _decoded(proof)
    except (ValueError, KeyError):
        raise BadRequestError(400, "malformed") from None
    wanted = hmac.new(secret, payload.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(given, wanted):
        raise BadRequestError(403, "signature")
    try:
        told = json.loads(_decoded(payload).decode())
    except (ValueError, RecursionError):
        raise BadRequestError(400, "malformed") from None
    return _checked(told)


def _checked(told: object) -> dict[str, Any]:
    known = isinstance(told, dict) and told.get("algorithm", "") == "HMAC-SHA256"
    person = told.get("user_id") if isinstance(told, dict) else None
    if not known or not isinstance(person, str) or not person.isalnum() or len(person) > 100:
        raise BadRequestError(400, "malformed")
    return {"user_id": person, "issued_at": told.get("issued_at") if isinstance(told, dict) else 0}


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def code_of(told: dict[str, Any], secret: bytes) -> str:
    """The same request has the same code, nobody can guess another one's, and its end is a seal."""
    whole = f"deletion:{told['user_id']}:{told['issued_at']}"
    named = _keyed(whole, secret)[: CODE_LENGTH - SEAL_LENGTH]
    return named + _keyed(f"code:{named}", secret)[:SEAL_LENGTH]


def is_ours(code: str, secret: bytes) -> bool:
    """Whether code_of made it, so that it is known before the database has the request."""
    named, seal = code[:-SEAL_LENGTH], code[-SEAL_LENGTH:]
    wanted = _keyed(f"code:{named}", secret)[:SEAL_LENGTH]
    return hmac.compare_digest(seal.encode(), wanted.encode())


def _keyed(text: str, secret: bytes) -> str:
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def event_of(told: dict[str, Any], code: str) -> dict[str, Any]:
    """What waits in the spool until the database has it."""
    return {
        "event_key": f"deletion:{code}",
        "facebook_page_id": "",
        "kind": "deletion",
        "sender_id": told["user_id"],
        "said_at": datetime.now(UTC).isoformat(),
        "told": {"code": code},
    }


class StatusPage:
    """GET /data-deletion/{code}: how far a request is."""

    def __init__(self, settings: Settings, inbox: Inbox) -> None:
        self._public = settings.receiver_url.rstrip("/")
        self._secret = settings.facebook_app_secret.encode()
        self._inbox = inbox

    @property
    def routes(self) -> list[Route]:
        """What the server answers."""
        return [Route("/data-deletion/{code}", self.show)]

    def address_of(self, request: Request, code: str) -> str:
        """Where the person may look, as it is seen from outside."""
        return f"{self._public or str(request.base_url).rstrip('/')}/data-deletion/{code}"

    async def show(self, request: Request) -> Response:
        """404 for a code nobody was given; a person reads it, so words and no data."""
        code = request.path_params["code"]
        if len(code) != CODE_LENGTH or not code.isalnum():
            return HTMLResponse(PAGE.format(words="This code is not known."), 404)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await self._inbox.deletion_status(code)
        except (APIError, httpx.HTTPError, UnreadableAnswerError, TimeoutError):
            return HTMLResponse(PAGE.format(words=ON_ITS_WAY))
        if found is None and is_ours(code, self._secret):
            return HTMLResponse(PAGE.format(words=ON_ITS_WAY))
        if found is None:
            return HTMLResponse(PAGE.format(words="This code is not known."), 404)
        days = {"requested": _day(found["requested_at"]), "done": _day(found["done_at"])}
        return HTMLResponse(PAGE.format(words=escape(WORDS[found["status"]].format(**days))))


def _day(moment: str | None) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M UTC") if moment else ""
