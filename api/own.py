"""This file is where a page learns, before it is drawn, what its reader wants: /own.js."""

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.feed import FeedError, signed_in

HEADERS = {"Cross-Origin-Resource-Policy": "same-origin"}


async def own(_: Request) -> Response:
    """Zone and theme as a script; nothing chosen while the database is away."""
    try:
        settings = await signed_in.get().settings()
        told = {"zone": settings["time_zone"], "theme": settings["theme"], "kept": True}
    except FeedError:
        told = {}
    text = f"window.stagelightOwn = {json.dumps(told)};\n"
    return Response(text, media_type="text/javascript", headers=HEADERS)


ROUTES = [Route("/own.js", own, methods=["GET"])]
