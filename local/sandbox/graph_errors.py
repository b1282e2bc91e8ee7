"""This file is where the Graph API's error bodies are written (Meta's list of 2026-06-25)."""

import json
from typing import NamedTuple
from uuid import uuid4

from starlette.responses import JSONResponse


class GraphAnswer(NamedTuple):
    """An error of the Graph API."""

    status: int
    code: int
    subcode: int
    kind: str
    message: str
    transient: bool = False


OAUTH = "OAuthException"
ERRORS: dict[str, GraphAnswer] = {
    "unknown": GraphAnswer(500, 1, 0, OAUTH, "An unknown error has occurred."),
    "temporary": GraphAnswer(
        500, 2, 0, OAUTH, "An unexpected error has occurred. Please retry your request later.", True
    ),
    "rate-limit": GraphAnswer(
        400, 613, 0, OAUTH, "(#613) Calls to this api have exceeded the rate limit."
    ),
    "app-rate-limit": GraphAnswer(
        403, 4, 0, OAUTH, "(#4) Application request limit reached", True
    ),
    "page-rate-limit": GraphAnswer(403, 32, 0, OAUTH, "(#32) Page request limit reached"),
    "business-rate-limit": GraphAnswer(
        400, 80006, 0, OAUTH, "(#80006) There have been too many calls to this Messenger account."
    ),
    "token-expired": GraphAnswer(
        401, 190, 463, OAUTH, "Error validating access token: Session has expired."
    ),
    "token-invalid": GraphAnswer(
        401, 190, 467, OAUTH, "Error validating access token: The access token is invalid."
    ),
    "permission": GraphAnswer(
        403, 200, 0, OAUTH, "(#200) The page does not have the pages_messaging permission."
    ),
    "maybe-permission": GraphAnswer(500, 1, 99, OAUTH, "An unknown error occurred"),
    "window-closed": GraphAnswer(
        400, 10, 2018278, OAUTH, "(#10) This message is sent outside of allowed window."
    ),
    "unavailable": GraphAnswer(
        400, 551, 1545041, OAUTH, "(#551) This person isn't available right now."
    ),
    "no-matching-user": GraphAnswer(400, 100, 2018001, OAUTH, "(#100) No matching user found"),
    "page-restricted": GraphAnswer(
        403, 10, 1893063, OAUTH, "(#10) You are temporarily restricted from sending messages."
    ),
    "policy-block": GraphAnswer(
        403, 368, 0, OAUTH, "(#368) The action attempted has been deemed abusive or is disallowed."
    ),
    "commerce-disabled": GraphAnswer(
        403, 2022, 0, OAUTH, "(#2022) Commerce messages are disabled for this page."
    ),
    "thread-taken": GraphAnswer(
        400, 2018300, 0, OAUTH, "Message not sent: another app is controlling this thread now."
    ),
    "bad-proof": GraphAnswer(
        400, 100, 0, "GraphMethodException", "Invalid appsecret_proof provided in the API argument"
    ),
    "dead-tag": GraphAnswer(400, 100, 1893061, OAUTH, "(#100) Invalid parameter"),
    "bad-cursor": GraphAnswer(400, 2642, 0, OAUTH, "(#2642) Invalid cursors values"),
    "too-much-data": GraphAnswer(
        500, 1, 0, OAUTH,
        "Please reduce the amount of data you're asking for, then retry your request",
    ),
    "no-metadata-permission": GraphAnswer(
        403, 200, 0, OAUTH, "(#200) Requires pages_manage_metadata permission to manage the object"
    ),
    "no-such-object": GraphAnswer(
        400, 100, 33, "GraphMethodException",
        "Unsupported request. Object does not exist or permissions are missing.",
    ),
}  # fmt: skip


def error(name: str, page_id: str = "") -> JSONResponse:
    """The answer with this name; rate limits carry the usage headers."""
    answer = ERRORS[name]
    limited = name.endswith("rate-limit")
    wait_minutes = 2 if name == "business-rate-limit" else 0
    return _body(answer, usage_headers(page_id, 100 if limited else 3, wait_minutes))


def bad_parameter(message: str) -> JSONResponse:
    """Error 100 with this text."""
    return _body(GraphAnswer(400, 100, 0, OAUTH, f"(#100) {message}"), {})


def usage_headers(page_id: str, percent: int, wait_minutes: int = 0) -> dict[str, str]:
    """The two headers in which Facebook says how much of the limits is used, in percent."""
    usage = {"call_count": percent, "total_cputime": 0, "total_time": percent // 2}
    business = {"type": "messenger", **usage, "estimated_time_to_regain_access": wait_minutes}
    return {
        "X-App-Usage": json.dumps(usage),
        "X-Business-Use-Case-Usage": json.dumps({page_id: [business]}),
    }


def _body(answer: GraphAnswer, headers: dict[str, str]) -> JSONResponse:
    body = {
        "message": answer.message,
        "type": answer.kind,
        "code": answer.code,
        "fbtrace_id": f"A{uuid4().hex[:22]}",
    }
    if answer.subcode:
        body["error_subcode"] = answer.subcode
    if answer.transient:
        body["is_transient"] = True
    return JSONResponse({"error": body}, answer.status, headers)
