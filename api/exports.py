"""This file is where lists are handed out as CSV files, page by page as they are read."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.exported import BYTE_ORDER_MARK, lines
from pipeline.feed import Feed, FeedError, signed_in
from pipeline.looking import CONTACT_FILTERS, HISTORY_FILTERS, Fits, fitting

log = logging.getLogger("stagelight.exports")

Row = dict[str, Any]
ATTEMPT_COLUMNS = (
    *("started_at", "finished_at", "delivered_at", "read_at"),
    *("rule", "page", "name", "sender_id", "follow_up", "outcome"),
    *("message", "error_code", "error_message", "facebook_message_id", "ai_model"),
    *("tokens_in", "tokens_out", "generation_time_ms", "contact_id", "id"),
)
CONTACT_COLUMNS = (
    *("sender_id", "name", "page", "tags", "time_zone", "last_inbound_at", "last_outbound_at"),
    *("opted_out_at", "opted_out_by", "created_at", "id"),
)


class BrokenOffError(Exception):
    """The rest cannot be read. Whoever downloads must see that the file is not whole."""


async def history(request: Request) -> Response:
    """Every try to send that fits the filter of the address, newest first."""
    fits = fitting(request.query_params, HISTORY_FILTERS)
    feed = signed_in.get()
    pages = _noted(feed, "history", fits, feed.every_attempt(fits))
    return await _file("history", ATTEMPT_COLUMNS, pages)


async def contacts(request: Request) -> Response:
    """Every contact that fits the filter of the address."""
    fits = fitting(request.query_params, CONTACT_FILTERS)
    feed = signed_in.get()
    pages = _noted(feed, "contacts", fits, feed.every_contact(fits))
    return await _file("contacts", CONTACT_COLUMNS, pages)


ROUTES = [Route("/history.csv", history), Route("/contacts.csv", contacts)]


async def _noted(
    feed: Feed, what: str, fits: Fits, pages: AsyncIterator[list[Row]]
) -> AsyncIterator[list[Row]]:
    """The same pages; nothing is read before it is written down who takes what."""
    await feed.note_export(what, fits)
    async for page in pages:
        yield page


async def _file(name: str, columns: Sequence[str], pages: AsyncIterator[list[Row]]) -> Response:
    try:
        first = await anext(pages)  # an error is still a page of its own then
    except FeedError as error:
        if error.signed_out:
            return RedirectResponse("/login?expired=1", 303)
        return PlainTextResponse(f"{error.message} {error.hint}", 503 if error.away else 400)
    today = datetime.now(UTC).date().isoformat()
    return StreamingResponse(
        _written(first, pages, columns),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{today}.csv"'},
    )


async def _written(
    first: list[Row], pages: AsyncIterator[list[Row]], columns: Sequence[str]
) -> AsyncIterator[bytes]:
    cells: Callable[[Row], list[Any]] = lambda row: [row[name] for name in columns]  # noqa: E731
    yield (BYTE_ORDER_MARK + lines([columns, *map(cells, first)])).encode()
    del first
    try:
        async for page in pages:
            yield lines(map(cells, page)).encode()
    except FeedError as error:
        log.warning("export broken off", extra={"why": error.message})
        raise BrokenOffError(error.message) from None
