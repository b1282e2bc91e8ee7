"""This file is where Supabase Auth's JSON bodies are read, as Go reads them, and written."""

import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import Response

from local.gateway.auth_fields import ANY, FLAG, MAP, Endpoint, refuse_unknown
from local.gateway.call import read_body
from local.gateway.errors import ApiError, AuthError

Body = Mapping[str, Any]
JSON = {"Content-Type": "application/json"}
VERSION_HEADER = "X-Supabase-Api-Version"
VERSION = "2024-01-01"
LONGEST_BODY = 1 << 20
# Go's uuid package: plain, without dashes, in braces, as an URN.
UUID = re.compile(
    r"(urn:uuid:)?(\{)?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}(?(2)\})", re.IGNORECASE
)
EXACT = 2**53
# What Go says where Python's parser says this.
PLACES = {
    "Extra data": "after top-level value",
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": (
        "looking for beginning of object key string"
    ),
    "Expecting ':' delimiter": "after object key",
}


def bad_json(why: object) -> AuthError:
    """The refusal of a body that cannot be read."""
    return AuthError(400, "bad_json", f"Could not parse request body as JSON: {why}")


async def read_fields(request: Request, name: str, endpoint: Endpoint) -> Body:
    """The body's fields that were given; raises AuthError 400, 413, and 501 for what is unknown."""
    return check_fields(await read_raw(request), name, endpoint)


async def read_raw(request: Request) -> bytes:
    """The body; raises AuthError 413."""
    try:
        return await read_body(request, LONGEST_BODY)
    except ApiError as error:
        message = f"Request body too large (max {LONGEST_BODY} bytes)"
        raise AuthError(413, "request_entity_too_large", message) from error


def check_fields(raw: bytes, name: str, endpoint: Endpoint) -> Body:
    """The fields in a body that were given, of the types that the endpoint reads."""
    if not raw and endpoint.may_be_empty:
        return {}
    value = _parse(raw)
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = f"Go value of type api.{endpoint.struct}"
        raise bad_json(f"json: cannot unmarshal {kind_of(value)} into {kind}")
    given = {field: found for field, found in value.items() if found is not None}
    types = {**endpoint.fields, **endpoint.beyond}
    for field, found in given.items():
        _check_type(endpoint.struct, field, found, types.get(field, ANY))
    beyond = {field for field in given if field in endpoint.beyond and given[field]}
    refuse_unknown(name, "field", beyond | (set(given) - set(types)))
    return given


def _parse(raw: bytes) -> Any:
    try:
        # Go takes what is no UTF-8 for replacement characters, too.
        text = raw.decode(errors="replace")
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        ended = error.msg.startswith("Unterminated") or not error.doc[error.pos :].strip()
        raise bad_json("unexpected end of JSON input" if ended else _words(error)) from error
    except (ValueError, RecursionError) as error:
        raise bad_json(error) from error


def _words(error: json.JSONDecodeError) -> str:
    place = PLACES.get(error.msg)
    return f"invalid character '{error.doc[error.pos]}' {place}" if place else error.msg


def _number(text: str) -> int | float:
    """A number as it is after Go has read it into a float and written it again."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    if value.is_integer() and abs(value) < 1e21:
        return int(value) if abs(value) <= EXACT else int(Decimal(repr(value)))
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"invalid character '{text[0]}' looking for beginning of value")


def _check_type(struct: str, field: str, value: object, wanted: str) -> None:
    python = {FLAG: bool, MAP: dict}.get(wanted, str)
    if wanted != ANY and not isinstance(value, python):
        where = f"Go struct field {struct}.{field} of type {wanted}"
        raise bad_json(f"json: cannot unmarshal {kind_of(value)} into {where}")


def kind_of(value: object) -> str:
    """What Go calls a JSON value."""
    kinds: Mapping[type, str] = {bool: "bool", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "number")


def parse_uuid(text: str) -> uuid.UUID | None:
    """The id, in one of the forms that Go's package takes."""
    return uuid.UUID(text) if UUID.fullmatch(text) else None


def json_response(value: object, **headers: str) -> Response:
    """A 200; a header's name is written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(json.dumps(value, default=_text), 200, {**JSON, **named})


def _text(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def auth_response(error: AuthError, asked_version: str = "") -> Response:
    """The refusal as Supabase Auth sends it: to clients of before 2024 in another shape."""
    headers = {**JSON, "x-sb-error-code": error.code}
    body: dict[str, object] = {"code": error.code, "message": str(error)}
    if _is_new(asked_version):
        headers[VERSION_HEADER] = VERSION
    else:
        body = {"code": error.status, "error_code": error.code, "msg": str(error)}
    if error.code == "weak_password":
        body["weak_password"] = {"reasons": ["length"]}
        if _is_new(asked_version):
            del headers["x-sb-error-code"]
    return Response(json.dumps(body), error.status, headers)


def _is_new(version: str) -> bool:
    try:
        return dt.date.fromisoformat(version).isoformat() == version >= VERSION
    except ValueError:
        return False
