"""This file is where people come in and go out: /login and /logout, plain forms without Dash."""

import json
import time
from collections import defaultdict, deque
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.checks import safe_next
from api.guard import COOKIE_LOCAL, COOKIE_SECURE, session_id
from api.sessions import LIFETIME_SECONDS, Sessions
from pipeline.clients import SignInError, sign_in, sign_out
from pipeline.settings import LOOPBACK, Settings

PAGE = Template(Path(__file__).with_name("login.html").read_text())
LONGEST_FORM = 8192
MOST_TRIES = 10
TRIES_WITHIN_SECONDS = 300
TOO_MANY = "Too many tries. Wait five minutes, then try again."


class SignIn:
    """The two addresses; a browser cannot be made to post to them by another site (the guard)."""

    def __init__(
        self, settings: Settings, http: httpx.AsyncClient, sessions: Sessions, styles: list[str]
    ) -> None:
        self._settings = settings
        self._http = http
        self._sessions = sessions
        self._styles = "\n".join(f'<link rel="stylesheet" href="{href}">' for href in styles)
        self._tries = Tries()

    async def show(self, request: Request) -> Response:
        """GET /login."""
        if self._sessions.find(session_id(request.headers)):
            return RedirectResponse(safe_next(request.query_params.get("next")), 303)
        return self._page(next_path=safe_next(request.query_params.get("next")))

    async def enter(self, request: Request) -> Response:
        """POST /login: to where the person wanted to go, or back to the form with the reason."""
        body = await request.body()
        if len(body) > LONGEST_FORM:
            return self._page("That is too long for an e-mail and a password.", status=413)
        form = {
            name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()
        }
        email, next_path = form.get("email", "").strip(), safe_next(form.get("next"))
        address = request.client.host if request.client else ""
        if not self._tries.allowed(email.lower(), address):
            return self._page(TOO_MANY, email, next_path, 429)
        try:
            tokens = await sign_in(self._settings, self._http, email, form.get("password", ""))
        except SignInError as error:
            return self._page(str(error), email, next_path, error.status)
        self._tries.forget(email.lower(), address)
        answer = RedirectResponse(next_path, 303)
        self._set_cookie(request, answer, self._sessions.start(tokens))
        return answer

    async def leave(self, request: Request) -> Response:
        """POST /logout."""
        found = session_id(request.headers)
        session = self._sessions.find(found)
        if session is not None:
            self._sessions.end(found)
            await sign_out(self._settings, self._http, session)
        answer = RedirectResponse("/login", 303)
        for name in (COOKIE_LOCAL, COOKIE_SECURE):
            answer.delete_cookie(name, secure=name == COOKIE_SECURE, httponly=True)
        return answer

    def _set_cookie(self, request: Request, answer: Response, value: str) -> None:
        local = request.url.hostname in LOOPBACK
        answer.set_cookie(
            COOKIE_LOCAL if local else COOKIE_SECURE,
            value,
            max_age=LIFETIME_SECONDS,
            secure=not local,
            httponly=True,
            samesite="lax",
        )

    def _page(
        self, error: str = "", email: str = "", next_path: str = "/", status: int = 200
    ) -> Response:
        words = f'<p class="login-error" id="login-error" role="alert">{escape(error)}</p>'
        page = PAGE.substitute(
            styles=self._styles,
            error=words if error else "",
            next=escape(next_path),
            email=escape(email),
            demo=self._demo(),
        )
        return HTMLResponse(page, status)

    def _demo(self) -> str:
        """The embedded stack's demo account; nothing on a hosted project."""
        try:
            connection = json.loads(
                (self._settings.stagelight_home / "connection.json").read_text()
            )
        except (OSError, ValueError):
            return ""
        if connection.get("url") != self._settings.supabase_url:
            return ""
        email, password = (escape(connection[name]) for name in ("demo_email", "demo_password"))
        return (
            '<form class="login-demo" method="post" action="/login">'
            "<p>This is a sandbox on your own machine: no real person gets a message.</p>"
            f'<p><code id="demo-email">{email}</code> '
            f'<code id="demo-password">{password}</code></p>'
            f'<input type="hidden" name="email" value="{email}">'
            f'<input type="hidden" name="password" value="{password}">'
            '<button class="btn btn-outline-primary" id="demo-submit" type="submit">'
            "Look around with the demo account</button></form>"
        )


class Tries:
    """Counts sign-in tries by account and by address, in this process; Supabase counts as well."""

    def __init__(self) -> None:
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def allowed(self, *names: str) -> bool:
        """Counts one try for each name; False when one of them has had too many."""
        now = time.monotonic()
        fine = True
        for name in names:
            times = self._times[name]
            while times and times[0] < now - TRIES_WITHIN_SECONDS:
                times.popleft()
            fine = fine and len(times) < MOST_TRIES
            times.append(now)
        return fine

    def forget(self, *names: str) -> None:
        """A person who got in starts anew."""
        for name in names:
            self._times.pop(name, None)
