"""This file is where the API says what went wrong: a status, a sentence, and when to come back."""

from starlette.responses import JSONResponse, Response


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """What went wrong, as every answer of the API says it."""
    return JSONResponse({"error": message}, status, headers)


def unauthorized(message: str) -> Response:
    """401, with what would have been taken."""
    return refusal(401, message, {"WWW-Authenticate": "Bearer"})


def unavailable(message: str) -> Response:
    """503: later it may work."""
    return refusal(503, message, {"Retry-After": "5"})


def too_much(message: str, wait_seconds: int) -> Response:
    """429, with when to come back."""
    return refusal(429, message, {"Retry-After": str(wait_seconds)})
