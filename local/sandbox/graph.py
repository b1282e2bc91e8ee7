"""This file is where the Graph API is spoken: sending a message, reading a thread."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox import network
from local.sandbox.faults import Fault, Faults
from local.sandbox.graph_errors import bad_parameter, error, usage_headers
from local.sandbox.identity import played
from local.sandbox.listing import BadCursorError, Listing
from local.sandbox.mailbox import Mailbox, Message
from local.sandbox.tokens import parameters_of, refuse_token
from local.sandbox.webhook import Webhook

LONGEST_TEXT = 2000
DEAD_TAGS = frozenset({"ACCOUNT_UPDATE", "CONFIRMED_EVENT_UPDATE", "POST_PURCHASE_UPDATE"})
# Recipients that always go wrong, like the numbers of test cards: the end of the id decides. The
# one that stops a whole page has a long ending, so that ids counted upwards do not meet it.
TEST_RECIPIENTS = {"551": "unavailable", "99999190": "token-expired", "002": "accept-then-error"}
# Not as documented, each in another way.
ODD_ROWS: list[Any] = ["m_1", None, {"id": "m_2", "message": "Hello", "from": None}, {"from": "me"}]
LIMITED_ONCE = "613"
# The share of the limits that the headers tell of, by answer.
USAGE = {"ok": 3, "usage-80": 80, "usage-high": 96, "wrong-recipient": 3}
# Minutes until access is regained, as the header says it.
WAIT = {"ok": 0, "usage-80": 0, "usage-high": 10, "wrong-recipient": 0}


@dataclass
class Graph:
    """The two Graph calls Stagelight makes, over one mailbox."""

    mailbox: Mailbox
    faults: Faults
    delay: network.Delay
    app_secret: str = ""
    test_recipients: bool = True
    webhook: Webhook = field(default_factory=lambda: Webhook("", ""))
    _limited: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.listing = Listing(self.mailbox)

    async def send(self, request: Request) -> Response:
        """POST /{page}/messages."""
        page_id = request.path_params["page"]
        parameters = await parameters_of(request)
        refusal = refuse_token(request, parameters, self.app_secret) or _refuse(parameters)
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
        refusal = refuse_token(request, dict(request.query_params), self.app_secret)
        if refusal is not None:
            return refusal
        user = request.query_params.get("user_id", "")
        fault = self.faults.take("facebook", "read" if user else "list", user)
        await self.delay.wait()
        if fault is not None and fault.kind == "slow":
            await network.Delay(fault.seconds, fault.seconds).wait()
        if fault is not None and fault.answer not in ("ok", "usage-high"):
            return await played(request, fault)
        usage = usage_headers(page_id, 3 if fault is None or fault.answer == "ok" else 96)
        if not user:
            return self._list(request, page_id, usage)
        thread = _shown(self.mailbox.thread(page_id, user), fault)
        fields = request.query_params.get("fields", "id,updated_time")
        found = [self.listing.show(thread, fields)] if thread else []
        if fault is not None and fault.kind == "odd-rows":
            found = [{"messages": {"data": ODD_ROWS}}, *found]
        return JSONResponse({"data": found}, headers=usage)

    def _list(self, request: Request, page_id: str, usage: dict[str, str]) -> Response:
        wanted = request.query_params
        if not wanted.get("limit", "25").isdigit():
            return bad_parameter("Param limit must be an integer")
        try:
            answer = self.listing.page(page_id, wanted, str(request.url.replace(query="")))
        except BadCursorError:
            return error("bad-cursor")
        return JSONResponse(answer, headers=usage)

    async def messages(self, request: Request) -> Response:
        """GET /{conversation}/messages?fields=...&after=...: older parts of one thread."""
        refusal = refuse_token(request, dict(request.query_params), self.app_secret)
        if refusal is not None:
            return refusal
        key = self.mailbox.find_thread(request.path_params["conversation"])
        fault = self.faults.take("facebook", "read", key[1] if key else "")
        await self.delay.wait()
        if fault is not None and fault.answer != "ok":
            return await played(request, fault)
        if key is None:
            return error("no-such-object")
        try:
            part = self.listing.part(_shown(self.mailbox.thread(*key), fault), request.query_params)
        except BadCursorError:
            return error("bad-cursor")
        return JSONResponse(part)

    async def conversation(self, request: Request) -> Response:
        """GET /{conversation}?fields=messages{...}."""
        refusal = refuse_token(request, dict(request.query_params), self.app_secret)
        if refusal is not None:
            return refusal
        await self.delay.wait()
        thread = self.mailbox.find_thread(request.path_params["conversation"])
        if thread is None:
            return error("no-such-object")
        fields = request.query_params.get("fields", "id,updated_time")
        return JSONResponse(self.listing.show(self.mailbox.thread(*thread), fields))

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
        received = self.mailbox.add(
            by="page",
            page_id=page_id,
            sender_id=recipient,
            text=message["text"],
            metadata=str(message.get("metadata", "")),
            messaging_type=str(parameters["messaging_type"]),
        )
        self.webhook.received(received)
        return received

    async def _answer(
        self, request: Request, page_id: str, message: Message | None, fault: Fault | None
    ) -> Response:
        answer = fault.answer if fault is not None else "ok"
        if answer == "reset":
            return await network.reset(request)
        if answer == "hang":
            return await network.hang(request)
        if answer in network.PAGES:
            return network.PAGES[answer]()
        if message is None or answer not in USAGE:
            return error(answer, page_id)
        recipient = message.sender_id if answer != "wrong-recipient" else "7700000000000000"
        body = {"recipient_id": recipient, "message_id": message.message_id}
        return JSONResponse(body, headers=usage_headers(page_id, USAGE[answer], WAIT[answer]))


def _shown(thread: list[Message], fault: Fault | None) -> list[Message]:
    """What a reader is shown of a thread, which may lag behind what was received."""
    if fault is None or fault.kind != "late-thread":
        return thread
    latest = (datetime.now(UTC) - timedelta(seconds=fault.seconds)).isoformat()
    return [message for message in thread if message.received_at <= latest]


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
