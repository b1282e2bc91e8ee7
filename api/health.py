"""This file is where the dashboard says whether it lives and whether it can be used."""

import asyncio

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.clients import user_client
from pipeline.feed import Feed
from pipeline.settings import Settings

# Whoever asks gives up after a few seconds, and a database that hangs is none to work with.
ASK_SECONDS = 2.5


class Health:
    """GET /healthz (this process answers), GET /readyz (people can work)."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http

    @property
    def routes(self) -> list[Route]:
        """What the server adds to its own."""
        return [Route("/healthz", self.lives), Route("/readyz", self.ready)]

    async def lives(self, _: Request) -> Response:
        """Always 200."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """200 when Supabase answers and the migration is there, else 503 and why."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                reason = await Feed(user_client(self._settings, self._http, "")).is_ready()
        except TimeoutError:
            reason = "Supabase does not answer in time."
        if reason:
            return JSONResponse({"status": "unavailable", "reason": reason}, 503)
        return JSONResponse({"status": "ok"})
