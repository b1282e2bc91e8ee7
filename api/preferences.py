"""This file is where a page gets its reader's preferences before it is drawn: /preferences.js."""

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.feed import FeedError, signed_in

HEADERS = {"Cross-Origin-Resource-Policy": "same-origin"}


async def preferences(_: Request) -> Response:
    """Zone and theme as a script; nothing chosen while the database is away."""
    try:
        settings = await signed_in.get().settings()
        told = {"zone": settings["time_zone"], "theme": settings["theme"], "kept": True}
    except FeedError:
        told = {}
    text = f"window.stagelightPreferences = {json.dumps(told)};\n"
    return Response(text, media_type="text/javascript", headers=HEADERS)


ROUTES = [Route("/preferences.js", preferences, methods=["GET"])]
