"""This file is where contacts are listed and changed, as the signed-in user."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from pipeline.answers import Asking, Row, answer, is_uuid

Cursor = tuple[str, str]
# A file is read in parts small enough that a long one needs no more memory than a short one.
PART = 500


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
            found = await self.list_contacts(fits, order, after, PART)
            contacts = found["contacts"]
            yield contacts
            if not found["more"]:
                return
            after = (str(contacts[-1]["key"]), str(contacts[-1]["id"]))

    async def contact_exists(self, contact_id: str) -> bool:
        """Whether there is such a contact for this person."""
        if not is_uuid(contact_id):
            return False
        query = self._client.table("contacts").select("id").eq("id", contact_id)
        return bool((await answer(query)).data)

    async def contact_details(self, contact_id: str) -> Row | None:
        """Who it is, and where they stand in every automation; None when it is not yours."""
        if not is_uuid(contact_id):
            return None
        found = await self._call("contact_details", p_contact_id=contact_id)
        return dict(found) if found else None

    async def contact_story(
        self, contact_id: str, before: Cursor | None = None, limit: int = 50
    ) -> Row:
        """What happened to a contact, newest first, before the (at, key) of one entry."""
        found = await self._call(
            "contact_story",
            p_contact_id=contact_id,
            p_before=list(before) if before else None,
            p_limit=limit,
        )
        return dict(found)

    async def change_contacts(
        self, contact_ids: Sequence[str], action: str, tag: str | None = None
    ) -> int:
        """add_tag, remove_tag, opt_out or lift_opt_out; says how many it changed."""
        done = await self._call(
            "change_contacts", p_contact_ids=list(contact_ids), p_action=action, p_tag=tag
        )
        return int(done["changed"])
