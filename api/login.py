"""This file is where people sign in and out: a plain form that works without a script."""

import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, quote

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from api.attempts import PER_ACCOUNT, PER_ADDRESS, Attempts
from api.checks import safe_next
from api.demo import Demo, read_demo
from api.guard import cookie_name, is_local
from api.sessions import LIFETIME_SECONDS, Sessions
from pipeline.clients import SignInError, sign_in, sign_out
from pipeline.settings import Settings

FORM = Template((Path(__file__).parent / "login.html").read_text())
OFFER = Template((Path(__file__).parent / "demo_offer.html").read_text())
MAX_FORM_BYTES = 8192
EXPIRED = "Your session has ended. Sign in again; nothing was lost."


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in the form."""

    next: str
    email: str = ""
    password: str = ""
    message: str = ""
    status: int = 200


class Login:
    """GET and POST /login, POST /logout."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient, sessions: Sessions) -> None:
        self._settings = settings
        self._http = http
        self._sessions = sessions
        self._accounts = Attempts(PER_ACCOUNT)
        self._addresses = Attempts(PER_ADDRESS)

    @property
    def routes(self) -> list[Route]:
        """What the server adds to its own."""
        return [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.enter, methods=["POST"]),
            Route("/logout", self.leave, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form; with ?demo=1 filled in with the demo account."""
        query = request.query_params
        demo = self._demo(request)
        after = safe_next(query.get("next"))
        message = EXPIRED if "expired" in query else ""
        if demo and "demo" in query:
            return page(Shown(after, demo.email, demo.password), demo)
        return page(Shown(after, message=message), demo)

    async def enter(self, request: Request) -> Response:
        """Checks the password with Supabase; the tokens stay on this server."""
        form = await read_form(request)
        after, email = safe_next(form.get("next")), form.get("email", "").strip()
        account, address, now = email.casefold(), _address(request), time.monotonic()
        wait = max(
            self._accounts.wait_seconds(account, now), self._addresses.wait_seconds(address, now)
        )
        if wait:
            return self._again(request, Shown(after, email, "", _too_many(wait), 429))
        self._accounts.count(account, now)
        self._addresses.count(address, now)
        try:
            tokens = await sign_in(self._settings, self._http, email, form.get("password", ""))
        except SignInError as error:
            if not error.refused:
                self._accounts.take_back(account, now)
                self._addresses.take_back(address, now)
            return self._again(request, Shown(after, email, "", str(error), error.status))
        self._accounts.worked(account)
        self._addresses.take_back(address, now)
        return with_cookie(request, RedirectResponse(after, 303), self._sessions.start(tokens))

    def _again(self, request: Request, shown: Shown) -> Response:
        return page(shown, self._demo(request))

    def _demo(self, request: Request) -> Demo | None:
        """The demo account is offered to this machine's browsers only."""
        return read_demo(self._settings) if is_local(request) else None

    async def leave(self, request: Request) -> Response:
        """Ends the session here and at Supabase."""
        session_id = request.cookies.get(cookie_name(request), "")
        tokens = self._sessions.find(session_id)
        self._sessions.end(session_id)
        if tokens:
            await sign_out(self._settings, self._http, tokens)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(
            cookie_name(request), path="/", secure=not is_local(request), httponly=True
        )
        return response


def page(shown: Shown, demo: Demo | None) -> Response:
    """The form as HTML; every value is escaped."""
    alert = f'<p class="notice bad" role="alert" id="login-message">{escape(shown.message)}</p>'
    offer = OFFER.substitute(email=escape(demo.email), next=quote(shown.next)) if demo else ""
    content = FORM.substitute(
        alert=alert if shown.message else "",
        next=escape(shown.next),
        email=escape(shown.email),
        password=escape(shown.password),
        demo=offer,
    )
    return HTMLResponse(content, shown.status)


def with_cookie(request: Request, response: Response, session_id: str) -> Response:
    """Only this host, only over TLS or this machine, never readable by a script."""
    response.set_cookie(
        cookie_name(request),
        session_id,
        max_age=LIFETIME_SECONDS,
        path="/",
        secure=not is_local(request),
        httponly=True,
        samesite="lax",
    )
    return response


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a small form; empty for anything else."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            return {}
    fields = parse_qs(body.decode(errors="replace"), max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}


def _too_many(wait_seconds: int) -> str:
    minutes = -(-wait_seconds // 60)
    unit = "minute" if minutes == 1 else "minutes"
    return f"Too many wrong passwords. Try again in {minutes} {unit}."


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
