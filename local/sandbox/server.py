"""This file is where the sandbox is put together: which address answers with what."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.app_users import AppUsers
from local.sandbox.fault_kinds import KINDS
from local.sandbox.faults import BadFaultError, Faults
from local.sandbox.google import Google
from local.sandbox.graph import Graph
from local.sandbox.identity import Identity
from local.sandbox.listing import DELETED
from local.sandbox.mailbox import Mailbox, Message
from local.sandbox.network import NO_DELAY, Delay
from local.sandbox.people import FURTHER_PAGE, FURTHER_PEOPLE, fill, made_of
from local.sandbox.webhook import Webhook


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """How the sandbox behaves; without `home` it forgets everything when it ends."""

    home: Path | None = None
    ai_delay: Delay = NO_DELAY
    graph_delay: Delay = NO_DELAY
    app_secret: str = field(default="", repr=False)
    webhook_url: str = ""
    # How long people take to read what they get.
    read_delay: Delay = NO_DELAY
    test_recipients: bool = True
    # Conversations on a page that nobody has connected yet (local/sandbox/people.py).
    further_page: bool = False


def create_sandbox(config: SandboxConfig | None = None) -> Starlette:
    """The application; `local.sandbox.serve` serves it so that faults can break connections."""
    chosen = config or SandboxConfig()
    mailbox, faults = Mailbox(chosen.home), Faults()
    google = Google(faults, chosen.ai_delay)
    webhook = Webhook(chosen.webhook_url, chosen.app_secret, faults, chosen.read_delay)
    graph = Graph(
        mailbox, faults, chosen.graph_delay, chosen.app_secret, chosen.test_recipients, webhook
    )
    identity = Identity(faults, chosen.graph_delay, chosen.app_secret)
    if chosen.further_page:
        fill(mailbox, FURTHER_PAGE, FURTHER_PEOPLE)
    tools = Tools(mailbox, faults, webhook)
    app_users = AppUsers(chosen.app_secret)
    model = "/google/{version}/models/{model}:generateContent"
    return Starlette(
        routes=[
            Route(model, google.generate, methods=["POST"]),
            Route("/graph/{version}/{page}/messages", graph.send, methods=["POST"]),
            Route("/graph/{version}/{conversation}/messages", graph.messages),
            Route("/graph/{version}/{page}/conversations", graph.conversations),
            Route("/graph/{version}/me", identity.me),
            Route("/graph/{version}/me/accounts", identity.my_accounts),
            Route("/graph/{version}/me/permissions", identity.my_permissions),
            Route("/graph/{version}/debug_token", identity.debug_token, methods=["GET", "POST"]),
            Route("/graph/{version}/{page}/subscribed_apps", identity.subscribe, methods=["POST"]),
            Route("/graph/{version}/{page}/subscribed_apps", identity.subscriptions),
            Route("/graph/{version}/{person}/ids_for_pages", app_users.ids_for_pages),
            Route("/graph/{version}/{conversation}", graph.conversation),
            Route("/facebook/messages", tools.messages),
            Route("/facebook/reply", tools.reply, methods=["POST"]),
            Route("/facebook/threads", tools.make_threads, methods=["POST"]),
            Route("/faults", tools.list_faults),
            Route("/faults", tools.add_fault, methods=["POST"]),
            Route("/faults", tools.clear_faults, methods=["DELETE"]),
            Route("/health", tools.health),
        ]
    )


@dataclass
class Tools:
    """What people and tests use to look into the sandbox, and to disturb it."""

    mailbox: Mailbox
    faults: Faults
    webhook: Webhook

    async def messages(self, request: Request) -> Response:
        """GET /facebook/messages: what Facebook received from pages, oldest first."""
        wanted = {name: request.query_params.get(name) for name in ("page_id", "recipient_id")}
        rows = [_received(each) for each in self.mailbox.messages if was_sent(each)]
        for name, value in wanted.items():
            rows = [row for row in rows if value is None or row[name] == value]
        return JSONResponse(rows)

    async def reply(self, request: Request) -> Response:
        """POST /facebook/reply {page_id, sender_id, text}: a contact writes."""
        sent = await _body(request)
        values = [sent.get(name) for name in ("page_id", "sender_id", "text")] if sent else []
        texts = [value for value in values if isinstance(value, str) and value.strip()]
        if len(texts) != 3:
            return JSONResponse(
                {"error": 'Send {"page_id": "...", "sender_id": "...", "text": "..."}.'}, 400
            )
        page_id, sender_id, text = texts
        message = self.mailbox.add(by="contact", page_id=page_id, sender_id=sender_id, text=text)
        try:
            status = await self.webhook.post(message)
        except httpx.HTTPError as failure:
            told = f"not delivered: {type(failure).__name__}; it is posted again"
            return JSONResponse({**asdict(message), "webhook": told}, 201)
        return JSONResponse({**asdict(message), "webhook": status}, 201)

    async def make_threads(self, request: Request) -> Response:
        """POST /facebook/threads {page_id, people, each}: conversations of made-up people."""
        try:
            page_id, people, each = made_of(await _body(request))
        except ValueError as bad:
            return JSONResponse({"error": str(bad)}, 400)
        return JSONResponse({"added": fill(self.mailbox, page_id, people, each)}, 201)

    async def list_faults(self, request: Request) -> Response:
        """GET /faults: those still to happen, and every kind there is."""
        return JSONResponse({"waiting": self.faults.waiting(), "kinds": KINDS})

    async def add_fault(self, request: Request) -> Response:
        """POST /faults: what to do wrong, for how many calls."""
        try:
            return JSONResponse(self.faults.add(await _body(request)), 201)
        except BadFaultError as bad:
            return JSONResponse({"error": str(bad), "kinds": KINDS}, 400)

    async def clear_faults(self, request: Request) -> Response:
        """DELETE /faults: everything works again."""
        return JSONResponse({"cleared": self.faults.clear()})

    async def health(self, request: Request) -> Response:
        """GET /health."""
        return JSONResponse({"status": "ok", "messages": len(self.mailbox.messages)})


async def _body(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def was_sent(message: Message) -> bool:
    """Whether a page sent it here, and it is not one of a conversation that was made up."""
    return message.by == "page" and message.messaging_type not in ("", DELETED)


def _received(message: Message) -> dict[str, str]:
    return {
        "message_id": message.message_id,
        "page_id": message.page_id,
        "recipient_id": message.sender_id,
        "text": message.text,
        "metadata": message.metadata,
        "messaging_type": message.messaging_type,
        "received_at": message.received_at,
    }
