"""This file is where a statement's single row becomes the response."""

import json

from starlette.responses import Response

from local.gateway.call import Call
from local.gateway.database import Answer
from local.gateway.errors import ApiError, shown

APPLIED = ("resolution", "missing", "return", "count", "handling", "timezone", "max-affected")


def page_range(offset: int, rows: int, total: int | None) -> str:
    """Content-Range: `0-9/100`, with `*` for what is empty or was not counted."""
    shown = f"{offset}-{offset + rows - 1}" if rows else "*"
    return f"{shown}/{'*' if total is None else total}"


def page_status(offset: int, rows: int, total: int | None) -> int:
    """200, 206 for a part, or 416 when the page begins after the last row."""
    if total is None:
        return 200
    if offset > total:
        return 416
    return 206 if rows < total else 200


def paged(answer: Answer, offset: int) -> Answer:
    """The answer; to a page that begins after the last row it is an error of the same form."""
    if page_status(offset, answer.rows, answer.total) != 416:
        return answer
    details = f"An offset of {offset} was requested, but there are only {answer.total} rows."
    error = ApiError(416, "PGRST103", "Requested range not satisfiable", details)
    return answer._replace(text=shown(error))


def refuse_unless_single(call: Call, rows: int) -> None:
    """Raises ApiError 406 when the caller wants one object and there is not exactly one."""
    if call.media.form == "object" and rows != 1:
        message = "Cannot coerce the result to a single JSON object"
        raise ApiError(406, "PGRST116", message, f"The result contains {rows} rows")


def refuse_too_many(call: Call, rows: int) -> None:
    """Raises ApiError 400 when more rows were affected than the caller allows."""
    if call.max_affected is not None and rows > call.max_affected:
        message = "Query result exceeds max-affected preference constraint"
        raise ApiError(400, "PGRST124", message, f"The query affects {rows} rows")


def respond(
    call: Call,
    answer: Answer,
    status: int,
    content_range: str,
    applied: tuple[str, ...] = APPLIED,
    content_type: str = "",
) -> Response:
    """The response; a function may have set its own status and headers, which win."""
    headers = {"Content-Range": content_range}
    if kept := _applied(call, applied):
        headers["Preference-Applied"] = kept
    if content_type:
        headers["Content-Type"] = content_type
    own_status, own_headers = _own(answer)
    text = b"" if call.method == "HEAD" else answer.text
    response = Response(text, own_status or status, headers)
    for name, value in own_headers:
        if name.lower() in headers or name.lower() == "content-type":
            response.headers[name] = value
        else:
            response.headers.append(name, value)
    return response


def _applied(call: Call, names: tuple[str, ...]) -> str:
    preferences = call.preferences
    return ", ".join(
        f"{name}={preferences[name]}"
        for name in names
        if name in preferences and (name != "max-affected" or call.max_affected is not None)
    )


def _own(answer: Answer) -> tuple[int, list[tuple[str, str]]]:
    try:
        pairs = json.loads(answer.headers or b"[]")
        headers = [(str(name), str(value)) for pair in pairs for name, value in pair.items()]
    except (ValueError, AttributeError, TypeError) as error:
        message = (
            "response.headers guc must be a JSON array composed of objects "
            "with a single key and a string value"
        )
        raise ApiError(500, "PGRST111", message) from error
    if answer.status and not answer.status.isdigit():
        raise ApiError(500, "PGRST112", "response.status guc must be a valid status code")
    return int(answer.status or 0), headers
