"""This file is where the Graph API is spoken: sending a message, reading a thread."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox import network
from local.sandbox.faults import Fault, Faults
from local.sandbox.graph_errors import bad_parameter, error, usage_headers
from local.sandbox.mailbox import Mailbox, Message, conversation_id_of

LONGEST_TEXT = 2000
MESSAGES_WITH_DETAILS = 20
DEAD_TAGS = frozenset({"ACCOUNT_UPDATE", "CONFIRMED_EVENT_UPDATE", "POST_PURCHASE_UPDATE"})
# Recipients that always go wrong, like the numbers of test cards: the end of the id decides. The
# one that stops a whole page has a long ending, so that ids counted upwards do not meet it.
TEST_RECIPIENTS = {"551": "unavailable", "99999190": "token-expired", "002": "accept-then-error"}
LIMITED_ONCE = "613"
# The share of the limits that the headers tell of, by answer.
USAGE = {"ok": 3, "usage-80": 80, "usage-high": 96}


@dataclass
class Graph:
    """The two Graph calls Stagelight makes, over one mailbox."""

    mailbox: Mailbox
    faults: Faults
    delay: network.Delay
    app_secret: str = ""
    test_recipients: bool = True
    _limited: set[str] = field(default_factory=set)

    async def send(self, request: Request) -> Response:
        """POST /{page}/messages."""
        page_id = request.path_params["page"]
        parameters = await _parameters(request)
        refusal = _refuse_token(request, parameters, self.app_secret) or _refuse(parameters)
        if refusal is not None:
            return refusal
        recipient = str(parameters["recipient"]["id"])
        text = parameters["message"]["text"]
        fault = self.faults.take("facebook", "send", recipient, text) or self._of(recipient)
        await self.delay.wait()
        if fault is not None and fault.kind == "slow":
            await network.Delay(fault.seconds, fault.seconds).wait()
        message = None
        if fault is None or fault.stored:
            message = self._receive(page_id, recipient, parameters)
        return await self._answer(request, page_id, message, fault)

    async def conversations(self, request: Request) -> Response:
        """GET /{page}/conversations?user_id=...&fields=messages{...}."""
        page_id = request.path_params["page"]
        refusal = _refuse_token(request, dict(request.query_params), self.app_secret)
        if refusal is not None:
            return refusal
        user = request.query_params.get("user_id", "")
        fault = self.faults.take("facebook", "read", user)
        await self.delay.wait()
        if fault is not None and fault.answer != "ok":
            return await self._answer(request, page_id, None, fault)
        fields = request.query_params.get("fields", "id,updated_time")
        people = [user] if user else self.mailbox.people_of(page_id)
        threads = [self.mailbox.thread(page_id, person) for person in people]
        found = [_conversation(thread, fields) for thread in threads if thread]
        return JSONResponse({"data": found}, headers=usage_headers(page_id, 3))

    async def conversation(self, request: Request) -> Response:
        """GET /{conversation}?fields=messages{...}."""
        refusal = _refuse_token(request, dict(request.query_params), self.app_secret)
        if refusal is not None:
            return refusal
        await self.delay.wait()
        thread = self.mailbox.find_thread(request.path_params["conversation"])
        if thread is None:
            return error("no-such-object")
        fields = request.query_params.get("fields", "id,updated_time")
        return JSONResponse(_conversation(self.mailbox.thread(*thread), fields))

    def _of(self, recipient: str) -> Fault | None:
        if not self.test_recipients:
            return None
        if recipient.endswith(LIMITED_ONCE) and recipient not in self._limited:
            self._limited.add(recipient)
            return Fault("facebook", "rate-limit", "send", 1)
        kinds = (kind for ending, kind in TEST_RECIPIENTS.items() if recipient.endswith(ending))
        kind = next(kinds, None)
        return Fault("facebook", kind, "send", 1) if kind else None

    def _receive(self, page_id: str, recipient: str, parameters: dict[str, Any]) -> Message:
        message = parameters["message"]
        return self.mailbox.add(
            by="page",
            page_id=page_id,
            sender_id=recipient,
            text=message["text"],
            metadata=str(message.get("metadata", "")),
            messaging_type=str(parameters["messaging_type"]),
        )

    async def _answer(
        self, request: Request, page_id: str, message: Message | None, fault: Fault | None
    ) -> Response:
        answer = fault.answer if fault is not None else "ok"
        if answer == "reset":
            return await network.reset(request)
        if answer == "hang":
            return await network.hang(request)
        if answer == "gateway-page":
            return network.gateway_page()
        if message is None or answer not in USAGE:
            return error(answer, page_id)
        body = {"recipient_id": message.sender_id, "message_id": message.message_id}
        return JSONResponse(body, headers=usage_headers(page_id, USAGE[answer]))


async def _parameters(request: Request) -> dict[str, Any]:
    """The call's parameters: query, then a JSON body or a form whose values may be JSON."""
    body = await request.body()
    parameters: dict[str, Any] = dict(request.query_params)
    try:
        if "json" in request.headers.get("content-type", ""):
            sent = json.loads(body)
        else:
            sent = {name: _json(value) for name, value in parse_qsl(body.decode("utf-8"))}
    except ValueError:
        sent = None
    return {**parameters, **sent} if isinstance(sent, dict) else parameters


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _refuse_token(
    request: Request, parameters: dict[str, Any], app_secret: str
) -> JSONResponse | None:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else ""
    token = token or str(parameters.get("access_token", ""))
    if not token or "invalid" in token or "bad" in token:
        return error("token-invalid")
    if "expired" in token:
        return error("token-expired")
    if app_secret:
        proof = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, str(parameters.get("appsecret_proof", ""))):
            return error("bad-proof")
    return None


def _refuse(parameters: dict[str, Any]) -> JSONResponse | None:
    recipient, message = parameters.get("recipient"), parameters.get("message")
    if not isinstance(recipient, dict) or not recipient.get("id"):
        return bad_parameter("The parameter recipient is required")
    if not isinstance(message, dict) or not isinstance(message.get("text"), str):
        return bad_parameter("The parameter message is required")
    text = message["text"]
    if not text.strip():
        return bad_parameter("Message cannot be empty, must provide valid attachment or text")
    if len(text) >= LONGEST_TEXT:
        return bad_parameter(f"Length of param message[text] must be less than {LONGEST_TEXT}")
    if len(str(message.get("metadata", ""))) >= 1000:
        return bad_parameter("Length of param message[metadata] must be less than 1000")
    return _refuse_type(parameters)


def _refuse_type(parameters: dict[str, Any]) -> JSONResponse | None:
    messaging_type = parameters.get("messaging_type")
    if messaging_type not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
        return bad_parameter("The parameter messaging_type is required")
    if parameters.get("tag") in DEAD_TAGS:
        return error("dead-tag")
    return None


def _conversation(thread: list[Message], fields: str) -> dict[str, Any]:
    newest = thread[-1]
    page_id, sender_id = newest.page_id, newest.sender_id
    shown: dict[str, Any] = {
        "id": conversation_id_of(page_id, sender_id),
        "updated_time": _graph_time(newest.received_at),
    }
    wanted = re.search(r"messages(?:\.limit\((\d+)\))?(?:\{([^{}]*)\})?", fields)
    if wanted:
        limit = min(int(wanted[1] or 25), 100)
        names = {name.strip() for name in (wanted[2] or "created_time").split(",")}
        latest = thread[::-1][:limit]
        rows = [_message(item, names if place < MESSAGES_WITH_DETAILS else {"created_time"})
                for place, item in enumerate(latest)]  # fmt: skip
        shown["messages"] = {"data": rows}
    return shown


def _message(message: Message, names: set[str]) -> dict[str, Any]:
    page, contact = {"id": message.page_id}, {"id": message.sender_id}
    sender, receiver = (page, contact) if message.by == "page" else (contact, page)
    details = {
        "created_time": _graph_time(message.received_at),
        "from": sender,
        "to": {"data": [receiver]},
        "message": message.text,
    }
    return {"id": message.message_id, **{k: v for k, v in details.items() if k in names}}


def _graph_time(moment: str) -> str:
    return f"{moment[:19]}+0000"
