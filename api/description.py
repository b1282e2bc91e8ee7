"""This file is where the API describes itself to programs: /api/openapi.json, open to all."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TEXT = (Path(__file__).parent / "openapi.json").read_bytes()


async def describe(_: Request) -> Response:
    """The OpenAPI document; it says nothing that the source does not."""
    return Response(TEXT, media_type="application/json")


ROUTES = [Route("/api/openapi.json", describe, methods=["GET"])]
