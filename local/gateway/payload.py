"""This file is where a request's body becomes rows or arguments, judged as PostgREST judges it."""

import json
from typing import Any, NamedTuple, NoReturn

from local.gateway.call import Call
from local.gateway.errors import ApiError, not_implemented
from local.gateway.media import plain_name, read_type

LEFT_OUT = ("text/csv", "application/x-www-form-urlencoded")
LEFT_OUT_OF_CALLS = (*LEFT_OUT, "text/plain", "text/xml", "application/octet-stream")
BLANK = " \t\n\r"


class Payload(NamedTuple):
    """A body: its JSON as it was sent (Python's floats would change long decimals) and its keys."""

    text: str
    keys: tuple[str, ...] = ()

    @property
    def is_object(self) -> bool:
        return self.text.lstrip(BLANK).startswith("{")


def read_payload(call: Call, columns: tuple[str, ...] | None) -> Payload:
    """The body of a write or a call; with `columns` PostgreSQL is the first to read it."""
    _refuse_other_types(call)
    calls = call.path.startswith("/rpc/")
    if columns is not None:
        return Payload(_decoded(call.body), tuple(sorted(set(columns))))
    if calls and not call.body:
        return Payload("")
    value = _value(call.body)
    rows = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not all(isinstance(row, dict) for row in rows):
        raise _bad("All object keys must match")
    if not rows or not isinstance(rows[0], dict):
        # Whatever is neither an object nor a list of them counts as no rows.
        return Payload("[]")
    if any(row.keys() != rows[0].keys() for row in rows):
        raise _bad("All object keys must match")
    return Payload(call.body.decode(), tuple(sorted(rows[0])))


def _refuse_other_types(call: Call) -> None:
    sent = call.headers.get("content-type", "application/json")
    kind, _ = read_type(sent)
    if kind == "application/json":
        return
    if kind in (LEFT_OUT_OF_CALLS if call.path.startswith("/rpc/") else LEFT_OUT):
        raise not_implemented(f"a request body of type {kind}")
    raise _bad(f"Content-Type not acceptable: {plain_name(sent)}")


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise _bad("Empty or invalid json") from error


def _value(body: bytes) -> Any:
    try:
        # Decoded first: json.loads takes twice as long over bytes.
        text = body.decode()
        value = json.loads(text, parse_constant=_no_number)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise _bad("Empty or invalid json") from error
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _bad(message: str) -> ApiError:
    return ApiError(400, "PGRST102", message)
