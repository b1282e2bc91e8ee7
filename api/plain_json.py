"""This file is where answers of callbacks are sent as the text they are, not as \\uXXXX."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.guard import CALLBACK


class PlainJson:
    """ASGI middleware: Dash writes every letter beyond ASCII as six, in names and messages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != CALLBACK:
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                body = plain(b"".join(parts))
                await send({**start, "headers": _with_length(start["headers"], len(body))})
                await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, wrapped)


def plain(body: bytes) -> bytes:
    """The same JSON in UTF-8; what is no JSON, or no text, is left as it is."""
    if b"\\u" not in body:
        return body
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:  # half of a surrogate pair has no UTF-8
        return body


def _with_length(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*kept, (b"content-length", str(length).encode())]
