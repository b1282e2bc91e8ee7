"""This file is where the dashboard is put together: pages, guard, sign-in, health."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import dash
import httpx
import uvicorn
from dash import Dash
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from api import description, preferences
from api.bundle import Bundle
from api.channel import Channels
from api.connecting import Connecting, why_not
from api.exports import ROUTES as EXPORTS
from api.guard import Guard, Site
from api.health import Health
from api.imports import ROUTES as IMPORTS
from api.login import Login
from api.metrics import Metrics, Requests
from api.monitor import Monitor
from api.plain_json import PlainJson
from api.sessions import Sessions
from pages._components.errors import show_error
from pages._components.shell import INDEX, STYLES, shell
from pipeline.adapters.facebook import create_http
from pipeline.adapters.graph import Graph
from pipeline.adapters.page_directory import PageDirectory
from pipeline.clients import wait_longer
from pipeline.connecting import Connector
from pipeline.feed import FeedError, signed_in
from pipeline.settings import Settings, SettingsError, read_settings
from pipeline.vault import Vault

ROOT = Path(__file__).parent
SHORTEST_SECRET = 32
NEW_AUTOMATION = "/automations/new"
# A person waits for it, and several calls are made.
SECONDS_FOR_FACEBOOK = 8.0
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=50)


class AsyncDash(Dash):
    """Awaits page layouts. Dash asks for asgiref before it does, but only Flask would need that."""

    def enable_pages(self) -> None:
        self._use_async = True
        super().enable_pages()

    def _config(self) -> Any:
        """Leaves out the web socket, which no callback here uses and the guard refuses."""
        config = super()._config()  # type: ignore[no-untyped-call]
        config.pop("websocket", None)
        return config


def create_app(settings: Settings) -> Dash:
    """The Dash application without a door; `create_server` puts the guard in front of it."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    return AsyncDash(
        "app",
        server=server,  # type: ignore[arg-type]
        use_pages=True,
        pages_folder=str(ROOT / "pages"),
        assets_folder=str(ROOT / "assets"),
        assets_path_ignore=["vendor", "first", "lazy"],
        external_stylesheets=STYLES,
        index_string=INDEX,
        title="Stagelight",
        update_title=None,  # type: ignore[arg-type]
        suppress_callback_exceptions=True,
        on_error=show_error,
    )


def create_server(settings: Settings, stopping: Callable[[], bool] = bool) -> ASGIApp:
    """What uvicorn serves: the guard, and behind it pages, sign-in, health and the API.

    Streams end properly as soon as `stopping` says so.
    """
    app = create_app(settings)
    app.layout = shell(settings.send_mode)
    http = httpx.AsyncClient(
        timeout=httpx.Timeout(8, pool=4), limits=LIMITS, event_hooks={"request": [wait_longer]}
    )
    graph = create_http(settings)
    sessions = Sessions(settings.stagelight_home, settings.session_secret)
    channels, requests = Channels(stopping), Requests()
    fastapi: FastAPI = app.server
    fastapi.routes[:0] = [
        *Login(settings, http, sessions).routes,
        *Health(settings, http).routes,
        *description.ROUTES,
        *connecting(settings, graph).routes,
        *preferences.ROUTES,
        *Monitor(channels).routes,
        *Metrics(settings, http, channels, requests).routes,
        *EXPORTS,
        *Bundle(ROOT / "assets", "vendor/plotly").routes,
        *IMPORTS,
    ]
    fastapi.add_middleware(PlainJson)
    fastapi.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    fastapi.router.lifespan_context = _lifespan(fastapi, (http, graph), sessions)
    hashes = cache(lambda: list(app.csp_hashes()))
    site = Site(lambda: app.callback_map, hashes, _is_page, _is_there, requests.note)
    return Guard(fastapi, settings, http, sessions, site)


def server() -> ASGIApp:
    """For `uvicorn --factory app:server`."""
    settings = read_settings()
    check_settings(settings)
    return create_server(settings)


def check_settings(settings: Settings) -> None:
    """Raises SettingsError for what the dashboard lacks, or for a secret that could be guessed."""
    settings.require("supabase_url", "supabase_publishable_key", "session_secret")
    if len(settings.session_secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"SESSION_SECRET has {len(settings.session_secret)} characters; it must have at least "
            f"{SHORTEST_SECRET}, and random ones. Make one: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )


def connecting(settings: Settings, graph: httpx.AsyncClient) -> Connecting:
    """Where pages are connected, as far as the settings allow."""
    problem = why_not(settings)
    if problem:
        return Connecting(None, problem)
    directory = PageDirectory(Graph(settings, graph, SECONDS_FOR_FACEBOOK))
    return Connecting(Connector(directory, Vault(settings.token_encryption_key)), None)


def _lifespan(fastapi: FastAPI, clients: Sequence[httpx.AsyncClient], sessions: Sessions) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Dash registers its page router with the first request; until then callbacks are unknown.
        transport = httpx.ASGITransport(app=fastapi)
        async with httpx.AsyncClient(transport=transport, base_url="http://warm-up") as warm_up:
            (await warm_up.get("/")).raise_for_status()
        yield
        for client in clients:
            await client.aclose()
        sessions.close()

    return lifespan


def _is_page(path: str) -> bool:
    if path == "/login":
        return True
    page, _ = dash._pages._path_to_page(path.strip("/"))  # type: ignore[no-untyped-call]
    return bool(page) and not page["module"].endswith("not_found_404")


async def _is_there(path: str) -> bool:
    """False for the address of what does not exist, or is somebody else's."""
    page, variables = dash._pages._path_to_page(path.strip("/"))  # type: ignore[no-untyped-call]
    named = (variables or {}) if page and path.rstrip("/") != NEW_AUTOMATION else {}
    try:
        if "rule_id" in named:
            return await signed_in.get().rule_exists(named["rule_id"])
        if "contact_id" in named:
            return await signed_in.get().contact_exists(named["contact_id"])
    except FeedError:
        pass  # the page itself says that the database is away
    return True


def serve(settings: Settings) -> None:
    """Serves the dashboard until it is told to stop."""
    running: list[uvicorn.Server] = []
    config = uvicorn.Config(
        create_server(settings, lambda: any(each.should_exit for each in running)),
        host=settings.dashboard_host,
        port=settings.dashboard_port,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )
    running.append(uvicorn.Server(config))
    asyncio.run(running[0].serve())


def main() -> int:
    """Exit code 2 with a message where a setting is missing."""
    parser = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    parser.add_argument("--only-dashboard", action="store_true", help="serve only the dashboard")
    options = parser.parse_args()
    try:
        settings = read_settings()
        if not options.only_dashboard and not settings.supabase_url:
            os.execv(sys.executable, [sys.executable, "-m", "local"])  # noqa: S606
        check_settings(settings)
        address = f"http://{settings.dashboard_host}:{settings.dashboard_port}"
        sys.stderr.write(f"Stagelight's dashboard: {address} (Ctrl-C stops it)\n")
        serve(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
