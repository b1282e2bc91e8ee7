"""This file is where a file of contacts is looked through, and imported, while progress is told."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.answers import is_uuid
from pipeline.contact_file import ContactFile, FileError, read_contact_file
from pipeline.exported import BYTE_ORDER_MARK, lines
from pipeline.feed import Feed, FeedError, signed_in

Row = dict[str, Any]
SHOWN_LINES = 100
SHOWN_TAGS = 12
# Told line by line: nothing may wait in a compressor for more.
HEADERS = {"Content-Encoding": "identity", "X-Accel-Buffering": "no"}


async def import_contacts(request: Request) -> Response:
    """Answers in lines of JSON: {done, of} as it goes on, at last {result} or {failed}.

    With `dry` in the address nothing is written: the result says what would be.
    """
    page_id, dry = request.query_params.get("page", ""), "dry" in request.query_params
    if not is_uuid(page_id):
        return JSONResponse({"failed": "Choose a page first."}, 400)
    content = await request.body()
    told = _told(signed_in.get(), page_id, content, dry=dry)
    return StreamingResponse(told, media_type="application/x-ndjson", headers=HEADERS)


ROUTES = [Route("/contacts/import", import_contacts, methods=["POST"])]


async def _told(feed: Feed, page_id: str, content: bytes, *, dry: bool) -> AsyncIterator[bytes]:
    try:
        file = read_contact_file(content)
    except FileError as error:
        yield _line({"failed": str(error)})
        return
    result: Row = {"dry": dry, "imported": 0, "updated": 0, "stopped": ""}
    tags: Counter[str] = Counter()
    rejected = list(file.rejected)
    done = 0
    act = feed.check_import if dry else feed.import_contacts
    for batch in file.batches():
        yield _line({"done": done, "of": len(file.rows)})
        try:
            answer = await act(page_id, batch)
        except FeedError as error:
            result["stopped"] = _stopped(error, len(file.rows) - done, dry=dry)
            break
        done += len(batch)
        result["imported"] += answer["imported"]
        result["updated"] += answer["updated"]
        tags.update(answer.get("tags") or {})
        rejected += [(row["line"], row["reason"]) for row in answer["rejected"]]
    yield _line({"result": result | _refused(file, sorted(rejected)) | _tagged(tags)})


def _stopped(error: FeedError, left: int, *, dry: bool) -> str:
    again = "Try again." if dry else "Import the file again; what is in stays in."
    return f"{error.message} {left:,} contacts were not read. {again}"


def _refused(file: ContactFile, rejected: list[tuple[int, str]]) -> Row:
    """How many, the first of them, and all of them as a file with what stood on the line."""
    table: list[list[Any]] = [["line", "reason", *file.header]]
    table += [[line, reason, *file.cells[line]] for line, reason in rejected]
    return {
        "refused": len(rejected),
        "examples": rejected[:SHOWN_LINES],
        "file": BYTE_ORDER_MARK + lines(table) if rejected else "",
    }


def _tagged(tags: Counter[str]) -> Row:
    return {"tags": tags.most_common(SHOWN_TAGS), "more_tags": max(len(tags) - SHOWN_TAGS, 0)}


def _line(told: Row) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"
