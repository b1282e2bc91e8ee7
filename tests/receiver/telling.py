"""This file is where tests speak as Facebook: a receiver in this process, calls signed or not."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from api.mover import Mover
from api.receiver import create_receiver
from api.spool import Spool
from api.tally import Tally
from pipeline.clients import service_client
from pipeline.inbox import Inbox
from pipeline.settings import Settings
from tests.running import PATIENCE

SECRET = "secret-of-the-app"
PATH = "/webhooks/facebook"
ASKED = {"algorithm": "HMAC-SHA256", "user_id": "10770010771", "issued_at": 1790000000}
numbers = itertools.count(1)


class Facebook:
    """Posts to a receiver, and lets what it took in be worked on when the test says so."""

    def __init__(self, home: Path, supabase: Any, **settings: Any) -> None:
        told = {
            "supabase_url": supabase.url,
            "supabase_secret_key": supabase.secret_key,
            "facebook_app_secret": SECRET,
            "facebook_verify_token": "a word",
            **settings,
        }
        self.settings = Settings(stagelight_home=home, **told)
        self.directory = home / "receiver"
        self._runner = asyncio.Runner()
        self._database = httpx.AsyncClient(timeout=PATIENCE)
        self.spool = Spool(self.directory)
        self.tally = Tally()
        inbox = Inbox(service_client(self.settings, self._database), "receiver-1", "0")
        self.mover = Mover(self.spool, inbox, self.tally)
        self.app = create_receiver(self.settings, self.spool, inbox, self.mover, self.tally)
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://receiver")

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """What the awaitable returns."""

        async def limited() -> Any:
            async with asyncio.timeout(PATIENCE):
                return await awaitable

        return self._runner.run(limited())

    def call(self, method: str, path: str = PATH, **more: Any) -> httpx.Response:
        """One request."""
        answer: httpx.Response = self.run(self.http.request(method, path, **more))
        return answer

    def post(self, body: object, *, secret: str = SECRET, **headers: str) -> httpx.Response:
        """A call as Facebook makes it; `body` may be bytes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", content=raw, headers={**signed(raw, secret), **headers})

    def tell(self, *items: dict[str, Any]) -> None:
        """Posts events of one page, which are then stored and worked on."""
        assert self.post(body_of(*items)).status_code == 200
        self.settle()

    def settle(self) -> None:
        """Everything that was accepted is stored and worked on."""
        self.run(self.mover.move())
        self.run(self.mover.work())

    def die(self) -> None:
        """As after kill -9: what is on disk stays there, the locks are gone."""
        self.spool.close()
        self.close()

    def close(self) -> None:
        """Ends connections and loop."""
        self._runner.run(self.http.aclose())
        self._runner.run(self._database.aclose())
        self._runner.close()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The header that proves who posted."""
    proof = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={proof}", "Content-Type": "application/json"}


def body_of(*items: dict[str, Any], place: str = "messaging") -> dict[str, Any]:
    """The items of one page as Facebook packs them."""
    page = next(
        end["id"]
        for item in items
        for end in (item.get("sender", {}), item.get("recipient", {}))
        if end.get("id", "").startswith("1")
    )
    return {"object": "page", "entry": [{"id": page, "time": now_ms(), place: list(items)}]}


def now_ms() -> int:
    """This moment, as Facebook writes it."""
    return int(datetime.now(UTC).timestamp() * 1000)


def item(page: Any, person: str, at: int | None = None, **what: Any) -> dict[str, Any]:
    """One event of a person, from them to the page unless it is an echo."""
    ends = {"id": person}, {"id": page["facebook_page_id"]}
    sender, recipient = ends[::-1] if what.get("message", {}).get("is_echo") else ends
    return {"sender": sender, "recipient": recipient, "timestamp": at or now_ms(), **what}


def message(page: Any, person: str, text: str = "Hello", **more: Any) -> dict[str, Any]:
    """A person writes; `is_echo` makes it the page."""
    at = more.pop("at", None)
    words = {"mid": f"m_{next(numbers)}", "text": text, **more}
    return item(page, person, at, message=words)


def signed_request(
    told: object = ASKED, secret: str = SECRET, proof: str | None = None
) -> dict[str, str]:
    """The form that Facebook posts for a person who wants to be forgotten."""
    payload = urlsafe(json.dumps(told).encode())
    made = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    return {"signed_request": f"{urlsafe(made) if proof is None else proof}.{payload}"}


def urlsafe(raw: bytes) -> str:
    """Base64 as it stands in addresses."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
