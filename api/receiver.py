"""This file is where Facebook's calls arrive: verified, on disk, answered, and nothing else."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.data_deletion import (
    LARGEST_FORM,
    BadRequestError,
    StatusPage,
    code_of,
    event_of,
    read_signed_request,
)
from api.facebook_events import MalformedError, read_body
from api.mover import Mover
from api.spool import Spool
from api.tally import Tally
from pipeline.inbox import Inbox
from pipeline.settings import Settings

log = logging.getLogger("stagelight.receiver")

LARGEST_BODY = 4 * 1024 * 1024
BODY_SECONDS = 10.0
DISK_SECONDS = 0.9
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


class RefusedError(Exception):
    """The call is not accepted; `why` is what it is counted as."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Receiver:
    """The webhook: GET proves that the address is ours, POST takes events in."""

    def __init__(self, settings: Settings, spool: Spool, tally: Tally, status: StatusPage) -> None:
        self._status = status
        self._secret = settings.facebook_app_secret.encode()
        self._verify_token = settings.facebook_verify_token.encode()
        self._spool = spool
        self._tally = tally

    @property
    def routes(self) -> list[Route]:
        """What the server answers."""
        return [
            Route("/webhooks/facebook", self.verify, methods=["GET"]),
            Route("/webhooks/facebook", self.receive, methods=["POST"]),
            Route("/data-deletion", self.delete, methods=["POST"]),
            *self._status.routes,
            Route("/healthz", self.lives),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
        ]

    async def verify(self, request: Request) -> Response:
        """Facebook asks once whether we know the word that was typed into its form."""
        asked = request.query_params
        token = asked.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
        challenge = asked.get("hub.challenge", "")
        known = hmac.compare_digest(token, self._verify_token)
        if not known or asked.get("hub.mode") != "subscribe" or not 0 < len(challenge) <= 1000:
            return self._refuse(RefusedError(403, "challenge"))
        return PlainTextResponse(challenge)

    async def receive(self, request: Request) -> Response:
        """200 as soon as the events are on disk; 503 when they cannot be, so that they come again.

        Nothing else is a 5xx, and the database is not asked.
        """
        try:
            body = await read_body_of(request)
            check_signature(request, body, self._secret)
            told = read_body(body)
            if told.events:
                await asyncio.wait_for(self._spool.add(told.events), DISK_SECONDS)
        except RefusedError as refusal:
            return self._refuse(refusal)
        except MalformedError as error:
            return self._refuse(RefusedError(400, "malformed"), str(error))
        except (OSError, TimeoutError) as error:
            log.error("spool", extra={"error": type(error).__name__})  # noqa: TRY400
            return self._refuse(RefusedError(503, "disk"))
        self._tally.accept(told.events, told.unused, told.malformed)
        return JSONResponse({"accepted": len(told.events)})

    async def delete(self, request: Request) -> Response:
        """Facebook's data deletion callback: where to look, and the code, once it is on disk."""
        try:
            form = await read_body_of(request, LARGEST_FORM)
            told = read_signed_request(form, self._secret)
            code = code_of(told, self._secret)
            await asyncio.wait_for(self._spool.add([event_of(told, code)]), DISK_SECONDS)
        except (RefusedError, BadRequestError) as refusal:
            return self._refuse(RefusedError(refusal.status, refusal.why))
        except (OSError, TimeoutError):
            return self._refuse(RefusedError(503, "disk"))
        self._tally.accepted["deletion"] += 1
        address = self._status.address_of(request, code)
        return JSONResponse({"url": address, "confirmation_code": code})

    def _refuse(self, refusal: RefusedError, words: str = "") -> Response:
        self._tally.rejected[refusal.why] += 1
        return JSONResponse({"error": words or refusal.why}, refusal.status)

    async def lives(self, _: Request) -> Response:
        """Always 200."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """200 while the disk takes events, also with the database away, which is said."""
        try:
            await asyncio.wait_for(self._spool.probe(), DISK_SECONDS)
        except (OSError, TimeoutError):
            reason = "The disk takes nothing more; Facebook is told to try again."
            return JSONResponse({"status": "unavailable", "reason": reason}, 503)
        database = "ok" if self._tally.database_up else "away"
        spool = self._spool.bytes
        return JSONResponse({"status": "ok", "database": database, "spool_bytes": spool})

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text format."""
        lines = "\n".join(self._tally.lines(self._spool.bytes))
        return PlainTextResponse(f"{lines}\n", media_type="text/plain; version=0.0.4")


def create_receiver(
    settings: Settings, spool: Spool, inbox: Inbox, mover: Mover, tally: Tally
) -> ASGIApp:
    """The application; events are moved to the database for as long as it runs."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        moving = asyncio.create_task(mover.run())
        yield
        moving.cancel()
        with suppress(asyncio.CancelledError):
            await moving
        with suppress(Exception):  # what is on disk waits there for the next receiver
            await asyncio.wait_for(mover.beat(stopping=True), 2)
        spool.close()

    receiver = Receiver(settings, spool, tally, StatusPage(settings, inbox))
    return Door(Starlette(routes=receiver.routes, lifespan=lifespan))


class Door:
    """Headers on every answer; a web socket is not for here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def read_body_of(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The raw bytes. Raises RefusedError when they are too many, or take too long."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > largest:
        raise RefusedError(413, "too large")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > largest:
                    raise RefusedError(413, "too large")
    except TimeoutError:
        raise RefusedError(408, "too slow") from None
    except ClientDisconnect:
        raise RefusedError(400, "gone") from None
    return bytes(body)


def check_signature(request: Request, body: bytes, secret: bytes) -> None:
    """Over the bytes as they came: what is written out again may differ. Raises RefusedError."""
    given = request.headers.getlist("x-hub-signature-256")
    if len(given) != 1:
        raise RefusedError(401, "unsigned")
    wanted = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given[0].encode("utf-8", "surrogatepass"), wanted.encode()):
        raise RefusedError(403, "signature")
