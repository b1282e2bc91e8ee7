"""This file is where supabase-py clients are made: one per request for a user, one for the service.

A client is one mutable identity: signing in or refreshing rewrites its headers. So a client that
signs in is thrown away, and the service's client never does.
"""

import httpx
from supabase import AsyncClient, AsyncClientOptions

from pipeline.settings import Settings


def service_client(settings: Settings, http: httpx.AsyncClient) -> AsyncClient:
    """The worker's client; the secret key passes every policy."""
    return AsyncClient(settings.supabase_url, settings.supabase_secret_key, _options(http, {}))


def user_client(settings: Settings, http: httpx.AsyncClient, access_token: str) -> AsyncClient:
    """A client for one request of one signed-in user; RLS decides what it sees."""
    headers = {"Authorization": f"Bearer {access_token}"}
    return AsyncClient(
        settings.supabase_url, settings.supabase_publishable_key, _options(http, headers)
    )


def _options(http: httpx.AsyncClient, headers: dict[str, str]) -> AsyncClientOptions:
    return AsyncClientOptions(
        httpx_client=http,
        headers=headers,
        auto_refresh_token=False,
        persist_session=False,
        postgrest_client_retry=False,
    )
