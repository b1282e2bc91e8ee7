"""This file is where a call's parameters and its token are read, and a bad token refused."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from local.sandbox.graph_errors import error


async def parameters_of(request: Request) -> dict[str, Any]:
    """The call's parameters: query, then a JSON body or a form whose values may be JSON."""
    body = await request.body()
    parameters: dict[str, Any] = dict(request.query_params)
    try:
        if "json" in request.headers.get("content-type", ""):
            sent = json.loads(body)
        else:
            sent = {name: _json(value) for name, value in parse_qsl(body.decode("utf-8"))}
    except ValueError:
        sent = None
    return {**parameters, **sent} if isinstance(sent, dict) else parameters


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def refuse_token(
    request: Request, parameters: dict[str, Any], app_secret: str
) -> JSONResponse | None:
    """Why the token cannot be used, or None; `app_secret` asks for the proof too."""
    token = token_of(request, parameters)
    if not token or "invalid" in token or "bad" in token:
        return error("token-invalid")
    if "expired" in token:
        return error("token-expired")
    if app_secret:
        proof = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, str(parameters.get("appsecret_proof", ""))):
            return error("bad-proof")
    return None


def token_of(request: Request, parameters: dict[str, Any]) -> str:
    """The token of a call, from its header or its parameters."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else ""
    return token or str(parameters.get("access_token", ""))
