"""This file is where other programs watch automations: a stream of events, or one snapshot."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.allowance import STREAMS, STREAMS_PER_PERSON, Allowance
from api.channel import Channels
from api.refusals import refusal, too_much, unauthorized, unavailable
from api.stream import EventStream
from pipeline.answers import is_uuid
from pipeline.feed import FeedError, signed_in
from pipeline.readings import moment
from pipeline.shared import Shared

TREE = "/api/ai-automations"
LIST_SECONDS = 1.0
NOT_YOURS = "There is no such automation, or it belongs to another account."
SUMMARY = (
    *("id", "name", "enabled", "page_id", "page_name", "page_status"),
    *("queued", "checking", "eligible", "generating", "ready_to_send", "sending"),
    *("sent", "failed", "skipped", "completed", "in_flight", "total"),
    *("sent_today", "daily_limit", "next_run_at", "last_run_at"),
)
Answers = Mapping[str, Callable[[Request], Awaitable[Any]]]


class Monitor:
    """GET and POST /api/ai-automations/<id>/monitor, GET /api/ai-automations."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._allowance = Allowance()
        self._lists: Shared[list[dict[str, Any]]] = Shared()

    @property
    def routes(self) -> list[Route]:
        """What the server adds to its own; the last one keeps the pages out of /api."""
        watching = {"GET": self.stream, "POST": self.snapshot}
        return [
            Route(TREE + "/{rule_id}/monitor", _Told(self, watching)),
            Route(TREE, _Told(self, {"GET": self.automations})),
            Route("/api/{rest:path}", _Told(self, {})),
        ]

    async def stream(self, request: Request) -> Any:
        """Server-sent events until the stream is complete."""
        feed = signed_in.get()
        if self._channels.streams_of(feed.person) >= STREAMS_PER_PERSON:
            return too_much("Too many streams at once.", 5)
        if self._channels.streams() >= STREAMS:
            return unavailable("This server has as many streams as it can serve.")
        rule_id = as_id(request)
        channel = await self._channels.find(feed, rule_id) if rule_id else None
        if channel is None:
            return refusal(404, NOT_YOURS)
        return EventStream(
            channel,
            feed,
            request.headers.get("last-event-id", ""),
            request.state.sign_in.ends_at,
            request.state.sign_in.holds,
            self._channels.stopping,
        )

    async def snapshot(self, request: Request) -> Response:
        """What a stream would begin with."""
        rule_id = as_id(request)
        if not rule_id:
            return refusal(404, NOT_YOURS)
        found, *_ = await moment(signed_in.get(), rule_id, 0)
        return JSONResponse(found) if found else refusal(404, NOT_YOURS)

    async def automations(self, _request: Request) -> Response:
        """The automations of this person with their numbers."""
        feed = signed_in.get()
        rows, *_ = await self._lists.get(feed.person, LIST_SECONDS, feed.automations)
        return JSONResponse(
            {"automations": [{name: row.get(name) for name in SUMMARY} for row in rows]}
        )

    def wait_seconds(self) -> int:
        """How long this person's programs have to wait; 0 when they may ask now."""
        return self._allowance.take(signed_in.get().person, time.monotonic())


class _Told:
    """An ASGI endpoint: the allowance before the answer, and sentences for what goes wrong."""

    def __init__(self, monitor: Monitor, answers: Answers) -> None:
        self._monitor = monitor
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._response(Request(scope, receive))
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Any:
        wait = self._monitor.wait_seconds()
        if wait:
            return too_much("Too many requests.", wait)
        if not self._answers:
            return refusal(404, "There is nothing at this address.")
        answer = self._answers.get(request.method)
        if answer is None:
            allow = ", ".join(self._answers)
            return refusal(405, f"This address knows {allow}.", {"Allow": allow})
        try:
            return await answer(request)
        except FeedError as error:
            if error.signed_out:
                return unauthorized(error.message)
            return unavailable(error.message)


def as_id(request: Request) -> str:
    """The automation's id as the database writes it; empty for what cannot be one."""
    text = str(request.path_params["rule_id"])
    return text.lower() if is_uuid(text) else ""
