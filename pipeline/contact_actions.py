"""This file is where contacts are listed and changed, as the signed-in user."""

from collections.abc import AsyncIterator
from typing import Any

from pipeline.answers import Asking, Row

Cursor = tuple[str, str]
# What hosted PostgREST answers at most.
MOST_ROWS = 1000


class ContactActions(Asking):
    """What a person sees of contacts, and does to them. Every method may raise FeedError."""

    async def list_contacts(
        self, fits: Row, order: str = "-heard", after: Cursor | None = None, limit: int = 50
    ) -> Row:
        """One page of the contacts that fit, after the (key, id) of one; their number up to 10,000.

        `fits` may hold page, tag, opted (yes, no), window (open, closed, never) and q; `order` is
        name, heard or added, with a minus for the other way round.
        """
        found: Any = await self._call(
            "list_contacts",
            p_filter=fits,
            p_order=order,
            p_after=list(after) if after else None,
            p_limit=limit,
        )
        return dict(found)

    async def every_contact(self, fits: Row, order: str = "-heard") -> AsyncIterator[list[Row]]:
        """All that fit, page by page."""
        after: Cursor | None = None
        while True:
            found = await self.list_contacts(fits, order, after, MOST_ROWS)
            contacts = found["contacts"]
            yield contacts
            if not found["more"]:
                return
            after = (str(contacts[-1]["key"]), str(contacts[-1]["id"]))
