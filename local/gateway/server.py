"""This file is where the gateway becomes a web application."""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.gateway.auth import Auth
from local.gateway.auth_wire import VERSION_HEADER, auth_response
from local.gateway.call import read_call
from local.gateway.config import Config
from local.gateway.database import Database
from local.gateway.errors import (
    ApiError,
    AuthError,
    not_implemented,
    refusal,
    rest_response,
)
from local.gateway.rest import answer_table
from local.gateway.rpc import answer_rpc
from local.gateway.tokens import Claims, Keys, identify
from local.gateway.whole import WholeRequests

METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE"]
OTHERS = {
    "/storage/v1": "Storage",
    "/realtime/v1": "Realtime",
    "/functions/v1": "Edge Functions",
    "/graphql/v1": "GraphQL",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Gateway:
    """One gateway in front of one database."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._keys = Keys(Path(config.key_file), config.jwt_secret, config.leeway)
        self._database = Database(config)
        self._auth = Auth(config, self._database, self._keys)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Follows PostgreSQL for as long as the application runs."""
        following = asyncio.create_task(self._database.follow())
        await self._database.wait_until_up()
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    async def rest(self, request: Request) -> Response:
        """Answers /rest/v1/<table> and /rest/v1/rpc/<function>."""
        claims: Claims = {"role": self._config.anon_role}
        try:
            claims = identify(request.headers, self._config, self._keys)
            return await self._rest(request, claims)
        except Exception as error:
            signed_in = claims["role"] != self._config.anon_role
            return rest_response(refusal(error, signed_in=signed_in))

    async def _rest(self, request: Request, claims: Claims) -> Response:
        media_types = self._database.catalog.media_types
        named = any("timezone=" in text for text in request.headers.getlist("prefer"))
        zones = await self._database.zones() if named else frozenset()
        call = await read_call(request, self._config, claims, media_types, zones)
        answer = answer_rpc if call.path.startswith("/rpc/") else answer_table
        response = await answer(call, self._database)
        chosen = ("accept-profile" if call.reads else "content-profile") in request.headers
        if (chosen or len(self._config.schemas) > 1) and "content-type" in response.headers:
            response.headers["Content-Profile"] = call.schema
        return response

    async def auth(self, request: Request) -> Response:
        """Answers /auth/v1/..."""
        version = request.headers.get(VERSION_HEADER, "")
        try:
            return await self._auth.answer(request)
        except AuthError as error:
            return auth_response(error, version)
        except ApiError as error:
            return rest_response(error)
        except Exception as error:
            found = refusal(error, signed_in=True)
            told = AuthError(found.status, "unexpected_failure", str(found))
            return auth_response(told, version)

    async def health(self, _: Request) -> Response:
        """200 when PostgreSQL answers, else 503."""
        up = await self._database.answers()
        body = json.dumps({"ok": up})
        return Response(body, 200 if up else 503, media_type="application/json")


class LocalHosts:
    """Refuses a Host that is not this machine, so that no web page gets in by DNS rebinding."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._allowed = {*LOOPBACK, host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
            if host.rsplit(":", 1)[0] not in self._allowed and host not in self._allowed:
                error = ApiError(421, None, "This gateway answers on this machine only")
                await rest_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _no_route(request: Request, error: Exception) -> Response:
    path, status = (
        request.scope["path"],
        error.status_code if isinstance(error, HTTPException) else 500,
    )
    if service := OTHERS.get("/".join(path.split("/")[:3])):
        message = f"Feature not implemented: {service} is not part of the embedded stack"
        return rest_response(ApiError(501, "not_implemented", message))
    if not path.startswith("/rest/v1/"):
        return rest_response(ApiError(status, None, "no Route matched with those values"))
    if path == "/rest/v1/":
        return rest_response(not_implemented("the OpenAPI description"))
    if request.method in ("PUT", "OPTIONS"):
        return rest_response(not_implemented(f"the {request.method} method"))
    if status != 405:
        message = "Invalid path specified in request URL"
        return rest_response(ApiError(404, "PGRST125", message))
    if path.startswith("/rest/v1/rpc/"):
        message = f"Cannot use the {request.method} method on RPC"
        return rest_response(ApiError(405, "PGRST101", message))
    return rest_response(ApiError(405, "PGRST117", f"Unsupported HTTP method: {request.method}"))


def create_gateway(config: Config) -> Starlette:
    """The application; connections open when it starts and close when it stops."""
    gateway = Gateway(config)
    rest, auth = gateway.rest, gateway.auth
    gate = Starlette(
        routes=[
            Route("/rest/v1/rpc/{name}", rest, methods=["GET", "HEAD", "POST"]),
            Route("/rest/v1/rpc/", rest, methods=["GET", "HEAD", "POST"]),
            Route("/rest/v1/{name}", rest, methods=METHODS),
            Route("/auth/v1/{path:path}", auth, methods=[*METHODS, "PUT", "OPTIONS"]),
            Route("/health", gateway.health),
        ],
        middleware=[Middleware(LocalHosts, host=config.address[0])],
        exception_handlers={404: _no_route, 405: _no_route},
        lifespan=gateway.lifespan,
    )
    # PostgREST knows nothing of a path with a slash at its end, and sends nobody elsewhere.
    gate.router.redirect_slashes = False
    return gate


def create_server(config: Config) -> uvicorn.Server:
    """A server on the address in `config.url`; SIGTERM and SIGINT stop it gracefully."""
    # Every refused statement would be a line of "pipeline aborted".
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    host, port = config.address
    # psycopg cannot use Windows' default event loop.
    loop = "asyncio:SelectorEventLoop" if sys.platform == "win32" else "auto"
    settings = uvicorn.Config(
        create_gateway(config),
        host=host,
        port=port,
        loop=loop,
        http=WholeRequests,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        # Longer than its clients keep one (5 s), or they would ask on a connection that is closing.
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(settings)
