"""This file is where every request passes: default deny, origin, session, shape, headers."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bearer import Bearers, TooManyTokensError
from api.checks import Callbacks, is_callback_body, is_cross_site
from api.refusals import too_much, unauthorized, unavailable
from api.sessions import Sessions
from pipeline.clients import SignInError, Tokens, refresh, subject, user_client
from pipeline.feed import Feed, signed_in
from pipeline.installation import Installation
from pipeline.settings import LOOPBACK, Settings

COOKIE = "__Host-sid"
# On this machine there is no TLS, and not every browser takes a Secure cookie without it.
LOCAL_COOKIE = "sid"
# /metrics asks for a token of its own.
PUBLIC = frozenset({"/login", "/healthz", "/readyz", "/metrics", "/api/openapi.json"}) | frozenset(
    {"/favicon.ico", "/_favicon.ico"}
)
PUBLIC_TREES = ("/assets/", "/_dash-component-suites/")
API = "/api/"
CALLBACK = "/_dash-update-component"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# A CSV of 8 MB travels as base64 inside a callback.
MAX_BODY_BYTES = 12 * 1024 * 1024
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
POLICY = (
    "default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who asks: by a session's cookie, or by a bearer token that Supabase has vouched for."""

    person: str
    email: str
    access_token: str = field(repr=False)
    # When the token ends, in seconds since 1970.
    ends_at: float
    # Whether the person has not signed out meanwhile.
    holds: Callable[[], bool]


@dataclass(frozen=True)
class Site:
    """What the guard asks of the application behind it."""

    callbacks: Callable[[], Callbacks]
    script_hashes: Callable[[], list[str]]
    is_page: Callable[[str], bool]
    # Whether what the address names exists for the person who is signed in.
    is_there: Callable[[str], Awaitable[bool]]
    # Told of every answer: path and status.
    note: Callable[[str, int], None] = lambda path, status: None


class Guard:
    """ASGI middleware around everything that the dashboard serves."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        http: httpx.AsyncClient,
        sessions: Sessions,
        site: Site,
    ) -> None:
        self._app = app
        self._settings = settings
        self._http = http
        self._sessions = sessions
        self._site = site
        self._bearers = Bearers(settings, http)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        await self._judge(request, self._with_headers(request, send))

    async def _judge(self, request: Request, send: Send) -> None:
        if request.url.path.startswith(API) and "authorization" in request.headers:
            # No cookie is looked at, and no other site's page can send this header.
            await self._judge_bearer(request, send)
        elif request.method not in SAFE_METHODS and is_cross_site(request.headers):
            refusal: Response = PlainTextResponse("Sent by another site.", 403)
            await refusal(request.scope, request.receive, send)
        elif request.url.path in PUBLIC or request.url.path.startswith(PUBLIC_TREES):
            await self._app(request.scope, request.receive, send)
        elif tokens := await self._tokens(request):
            await self._pass_on(request, self._by_cookie(request, tokens), send)
        else:
            await signed_out(request)(request.scope, request.receive, send)

    async def _judge_bearer(self, request: Request, send: Send) -> None:
        scheme, _, token = request.headers["authorization"].partition(" ")
        address = request.client.host if request.client else ""
        try:
            known = await self._bearers.read(token.strip(), address)
        except SignInError as error:
            refused = unavailable(str(error))
        except TooManyTokensError as error:
            refused = too_much("Too many tokens that nobody vouches for.", error.wait_seconds)
        else:
            if known and scheme.lower() == "bearer":
                who = SignIn(known.person, known.email, token.strip(), known.ends_at, lambda: True)
                await self._pass_on(request, who, send)
                return
            refused = unauthorized("Supabase does not know this token, or it has run out.")
        await refused(request.scope, request.receive, send)

    def _by_cookie(self, request: Request, tokens: Tokens) -> SignIn:
        session_id = request.cookies.get(cookie_name(request), "")
        return SignIn(
            subject(tokens.access_token),
            tokens.email,
            tokens.access_token,
            tokens.expires_at,
            lambda: self._sessions.find(session_id) is not None,
        )

    async def _tokens(self, request: Request) -> Tokens | None:
        session_id = request.cookies.get(cookie_name(request), "")
        if not session_id:
            return None
        try:
            return await self._sessions.fresh(session_id, self._renew)
        except SignInError:
            # Supabase is away: the page can still say so, and shows its last good data.
            return self._sessions.find(session_id)

    async def _renew(self, tokens: Tokens) -> Tokens | None:
        try:
            return await refresh(self._settings, self._http, tokens.refresh_token)
        except SignInError as error:
            if error.refused:
                return None
            raise

    async def _pass_on(self, request: Request, who: SignIn, send: Send) -> None:
        receive = request.receive
        if request.method not in SAFE_METHODS:
            body = await read_body(request)
            refusal = self._refuse_body(request, body)
            if refusal is not None:
                await refusal(request.scope, receive, send)
                return
            receive = replay(body or b"", request.receive)
        client = user_client(self._settings, self._http, who.access_token)
        feed = Feed(client, who.email, who.person)
        feed.installation = partial(Installation.of, self._settings)
        token = signed_in.set(feed)
        request.state.sign_in = who
        try:
            request.state.there = await self._site.is_there(request.url.path)
            await self._app(request.scope, receive, send)
        finally:
            signed_in.reset(token)

    def _refuse_body(self, request: Request, body: bytes | None) -> Response | None:
        if body is None:
            return PlainTextResponse("Too large.", 413)
        if request.url.path != CALLBACK:
            return None
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "Send application/json."}, 415)
        if not is_callback_body(body, self._site.callbacks()):
            return JSONResponse({"error": "Not a callback of this application."}, 400)
        return None

    def _with_headers(self, request: Request, send: Send) -> Send:
        """Adds security headers; says 404 for what does not exist but is drawn by Dash."""

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(request, message)
            await send(message)

        return wrapped

    def _add_headers(self, request: Request, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        headers.update(HEADERS)
        scripts = " ".join(["'self'", *self._site.script_hashes()])
        headers["Content-Security-Policy"] = POLICY.format(scripts=scripts)
        path = request.url.path
        if not path.startswith(PUBLIC_TREES) and "no-store" not in headers.get("cache-control", ""):
            headers["Cache-Control"] = "no-store"
        html = headers.get("content-type", "").startswith("text/html")
        there = getattr(request.state, "there", True) and self._site.is_page(path)
        if html and message["status"] == 200 and not there:
            message["status"] = 404
        self._site.note(path, message["status"])


def is_local(request: Request) -> bool:
    """Whether the browser runs on this machine and called it by that name."""
    return request.url.scheme == "http" and request.url.hostname in LOOPBACK


def cookie_name(request: Request) -> str:
    """The session cookie's name; `__Host-` makes the browser insist on TLS and on this host."""
    return LOCAL_COOKIE if is_local(request) else COOKIE


def signed_out(request: Request) -> Response:
    """The answer to somebody without a session, in the form the asking side understands."""
    path = request.url.path
    if path == CALLBACK:
        # fetch() would follow a redirect without the page leaving, so the renderer is told to go.
        going = {"session": {"href": "/login?expired=1"}}
        content = {"multi": True, "response": {}, "sideUpdate": going}
        return Response(json.dumps(content), media_type="application/json")
    if path.startswith((API, "/_")):
        return unauthorized("Sign in first, or send a bearer token.")
    if request.method not in SAFE_METHODS:
        return RedirectResponse("/login", 303)
    wanted = path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", 303)


async def read_body(request: Request) -> bytes | None:
    """The whole body, or None when it is larger than anything we are meant to get."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """A `receive` that hands out the body that was already read, then what comes after it."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again
