"""This file is where refusals become responses that supabase-py can read."""

import json
import logging
from collections.abc import Mapping

import psycopg
from psycopg_pool import PoolTimeout
from starlette.responses import Response

log = logging.getLogger(__name__)

# Statuses that a function may raise, and that HTTP allows no body.
WITHOUT_BODY = (204, 304)
JSON_TYPE = "application/json; charset=utf-8"

# PostgREST's table (src/library/PostgREST/Error.hs, mapSQLtoHTTP): whole codes first, then classes.
STATUS_OF_CODE = {
    "23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404,
    "42P17": 500, "53400": 500, "57P01": 503, "P0001": 400,
}  # fmt: skip
STATUS_OF_CLASS = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500,
    "39": 500, "3B": 500, "40": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500,
    "F0": 500, "HV": 500, "P0": 500, "XX": 500,
}  # fmt: skip


class ApiError(Exception):
    """A refusal in PostgREST's shape: status, code, message, details and hint."""

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        details: object = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body = {"code": code, "details": details, "hint": hint, "message": message}
        self.headers = dict(headers or {})


class AuthError(Exception):
    """A refusal in Supabase Auth's shape: status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def not_implemented(what: str) -> ApiError:
    """The answer to everything outside the subset in docs/embedded.md."""
    return ApiError(400, "PGRST127", "Feature not implemented", what)


def not_embedded(name: str) -> ApiError:
    """The answer to a filter on another table, which would have to be embedded."""
    return ApiError(
        400,
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )


def no_aggregates() -> ApiError:
    """The answer to sums and the like, which hosted projects have switched off."""
    return ApiError(400, "PGRST123", "Use of aggregate functions is not allowed")


def away() -> ApiError:
    """The answer while PostgreSQL cannot be reached."""
    return ApiError(503, "PGRST001", "Database client error. Retrying the connection.")


def busy() -> ApiError:
    """The answer when all connections stay in use."""
    return ApiError(504, "PGRST003", "Timed out acquiring connection from connection pool.")


def unstorable() -> ApiError:
    """The answer to a value with a NUL or half a character in it."""
    return ApiError(400, "22021", "A value holds a character that PostgreSQL cannot store")


def bad_token(message: str, details: str | None = None, code: str = "PGRST301") -> ApiError:
    """A 401 that tells the client to sign in again."""
    told = message.replace('"', '\\"')
    challenge = {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{told}"'}
    return ApiError(401, code, message, details, headers=challenge)


def shown(error: ApiError) -> bytes:
    """The refusal's body."""
    body = json.dumps(error.body, ensure_ascii=False, separators=(",", ":"))
    return body.encode(errors="replace")


def rest_response(error: ApiError) -> Response:
    """The refusal as PostgREST sends it; Proxy-Status carries the code when HEAD has no body."""
    headers = {"Content-Type": JSON_TYPE, "Proxy-Status": f"PostgREST; error={error.code}"}
    content = b"" if error.status in WITHOUT_BODY else shown(error)
    return Response(content, error.status, {**headers, **error.headers})


def refusal(error: Exception, *, signed_in: bool) -> ApiError:
    """Any exception as a refusal that shows the caller nothing of this process."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, PoolTimeout):
        return busy()
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return _from_postgres(error, error.sqlstate, signed_in)
    if isinstance(error, psycopg.OperationalError):
        return away()
    if isinstance(error, psycopg.DataError | UnicodeError):
        return unstorable()
    log.error("unexpected error", exc_info=error)
    return ApiError(500, "PGRSTX00", "Internal error in the local gateway")


def _from_postgres(error: psycopg.Error, code: str, signed_in: bool) -> ApiError:
    diag = error.diag
    if code == "PGRST":
        return _raised_by_function(diag.message_primary, diag.message_detail)
    status = _status(code, diag.message_primary or "", signed_in)
    challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    message = "Database error" if diag.message_primary is None else diag.message_primary
    return ApiError(status, code, message, diag.message_detail, diag.message_hint, challenge)


MESSAGE_KEYS = "obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
DETAIL_KEYS = "obligatory keys: 'status', 'headers' and optional key: 'status_text'."


def _raised_by_function(message: str | None, detail: str | None) -> ApiError:
    wrong = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
    try:
        what = json.loads(message or "")
        shown = (what["code"], what["message"], what.get("details"), what.get("hint"))
    except (ValueError, LookupError, TypeError, AttributeError):
        hint = f"MESSAGE must be a JSON object with {MESSAGE_KEYS}"
        return ApiError(
            500, "PGRST121", wrong, f"Invalid JSON value for MESSAGE: '{message}'", hint
        )
    hint = f"DETAIL must be a JSON object with {DETAIL_KEYS}"
    if detail is None:
        return ApiError(500, "PGRST121", wrong, "DETAIL is missing in the RAISE statement", hint)
    try:
        how = json.loads(detail)
        return ApiError(int(how["status"]), *shown, headers=how["headers"])
    except (ValueError, LookupError, TypeError):
        return ApiError(500, "PGRST121", wrong, f"Invalid JSON value for DETAIL: '{detail}'", hint)


def _status(code: str, message: str, signed_in: bool) -> int:
    if code == "42501":
        return 403 if signed_in else 401
    if code == "21000":
        return 400 if message.endswith("requires a WHERE clause") else 500
    if code == "22023":
        return 401 if message.startswith("role") and message.endswith("does not exist") else 400
    if code.startswith("PT"):
        number = int(code[2:]) if code[2:].isdigit() else 500
        return number if 200 <= number < 600 else 500
    return STATUS_OF_CODE.get(code) or STATUS_OF_CLASS.get(code[:2], 400)
