"""This file is where supabase-py clients are made: one per request for a user, one for the service.

A client is one mutable identity: signing in or refreshing rewrites its headers. So a client that
signs in is thrown away, and the service's client never does.
"""

import base64
import json
from dataclasses import dataclass, field

import httpx
from supabase import AsyncClient, AsyncClientOptions
from supabase_auth.errors import AuthApiError, AuthError
from supabase_auth.types import AuthResponse

from pipeline.settings import Settings

# What counts everybody has two minutes in the database (statement_timeout), and the way to it.
SLOW_CALLS = ("/rpc/request_run", "/rpc/run_preview", "/rpc/preview_contact_bulk")
SLOW_CALL_SECONDS = 125.0
BUSY = "Supabase does not answer at the moment. Try again in a few seconds."


class SignInError(Exception):
    """Signing in did not work; the text is for the person. `refused` is false when it may later."""

    def __init__(self, message: str, status: int, *, refused: bool) -> None:
        super().__init__(message)
        self.status = status
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Tokens:
    """What Supabase Auth gave one person; `expires_at` is in seconds since 1970."""

    email: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float


def service_client(settings: Settings, http: httpx.AsyncClient) -> AsyncClient:
    """The worker's client; the secret key passes every policy."""
    return AsyncClient(settings.supabase_url, settings.supabase_secret_key, _options(http, {}))


def user_client(settings: Settings, http: httpx.AsyncClient, access_token: str) -> AsyncClient:
    """A client for one request of one signed-in user; RLS decides what it sees."""
    headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
    return AsyncClient(
        settings.supabase_url, settings.supabase_publishable_key, _options(http, headers)
    )


async def wait_longer(request: httpx.Request) -> None:
    """A hook of the dashboard's http client, because supabase-py has one timeout for every call."""
    if request.url.path.endswith(SLOW_CALLS):
        request.extensions["timeout"] = {
            **request.extensions["timeout"],
            "read": SLOW_CALL_SECONDS,
        }


async def sign_in(settings: Settings, http: httpx.AsyncClient, email: str, password: str) -> Tokens:
    """Tokens for an e-mail address and password; raises SignInError."""
    client = user_client(settings, http, "")
    try:
        answer = await client.auth.sign_in_with_password({"email": email, "password": password})
    except (AuthError, httpx.HTTPError) as error:
        raise _refusal(error) from None
    return _tokens(answer)


async def refresh(settings: Settings, http: httpx.AsyncClient, refresh_token: str) -> Tokens:
    """New tokens for a refresh token, which can be used once; raises SignInError."""
    client = user_client(settings, http, "")
    try:
        answer = await client.auth.refresh_session(refresh_token)
    except (AuthError, httpx.HTTPError) as error:
        raise _refusal(error) from None
    return _tokens(answer)


async def sign_out(settings: Settings, http: httpx.AsyncClient, tokens: Tokens) -> None:
    """Ends this one sign-in at Supabase too; one that is already over is fine."""
    client = user_client(settings, http, "")
    try:
        await client.auth.admin.sign_out(tokens.access_token, "local")
    except (AuthError, httpx.HTTPError):
        return


async def whose(
    settings: Settings, http: httpx.AsyncClient, access_token: str
) -> tuple[str, str] | None:
    """Id and e-mail address of whose token this is, as Supabase says; None when it refuses it.

    Raises SignInError when Supabase does not answer.
    """
    client = user_client(settings, http, "")
    try:
        answer = await client.auth.get_user(access_token)
    except AuthApiError as error:
        if error.status in (400, 401, 403, 404):
            return None
        raise _refusal(error) from None
    except (AuthError, httpx.HTTPError) as error:
        raise _refusal(error) from None
    return (answer.user.id, answer.user.email or "") if answer else None


def subject(access_token: str) -> str:
    """Whose token this is; of one that cannot be read, the token itself. Nothing is verified."""
    try:
        body = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        return access_token


def _tokens(answer: AuthResponse) -> Tokens:
    session = answer.session
    if session is None:
        raise SignInError("Confirm your e-mail address first.", 401, refused=True)
    email = session.user.email or ""
    return Tokens(
        email, session.access_token, session.refresh_token, float(session.expires_at or 0)
    )


def _refusal(error: Exception) -> SignInError:
    """The sentence for the person; what Supabase wrote itself may name internals."""
    if not isinstance(error, AuthApiError) or error.status >= 500:
        return SignInError(BUSY, 503, refused=False)
    if error.status == 429:
        message = "Too many tries. Wait a few minutes, then try again."
        return SignInError(message, 429, refused=False)
    if error.code == "email_not_confirmed":
        return SignInError("Confirm your e-mail address first.", 401, refused=True)
    return SignInError("The e-mail address or the password is wrong.", 401, refused=True)


def _options(http: httpx.AsyncClient, headers: dict[str, str]) -> AsyncClientOptions:
    return AsyncClientOptions(
        httpx_client=http,
        headers=headers,
        auto_refresh_token=False,
        persist_session=False,
        postgrest_client_retry=False,
    )
