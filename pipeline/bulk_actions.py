"""This file is where many contacts are acted on: counted first, then exactly those, in batches."""

from collections.abc import Sequence

from pipeline.answers import Asking, Row, answer, is_uuid

COLUMNS = "id,rule_id,action,tag,total,done,changed"


class BulkActions(Asking):
    """What a person does to many at once. Every method may raise FeedError."""

    async def preview_bulk(
        self, rule_id: str, action: str, stage: str = "", search: str = ""
    ) -> Row:
        """How many of an automation's contacts retry or cancel would change; keeps exactly them."""
        found = await self._call(
            "preview_bulk",
            p_rule_id=rule_id,
            p_action=action,
            p_stage=stage or None,
            p_search=search or None,
        )
        return dict(found)

    async def preview_contact_bulk(
        self, action: str, tag: str | None, whom: Row | Sequence[str]
    ) -> Row:
        """How many of a filter, or of ids, an action of contacts would change; keeps them."""
        named = None if isinstance(whom, dict) else list(whom)
        found = await self._call(
            "preview_contact_bulk",
            p_action=action,
            p_tag=tag,
            p_filter=whom if named is None else None,
            p_contact_ids=named,
        )
        return dict(found)

    async def advance_bulk(self, bulk_id: str, limit: int) -> Row:
        """Acts on the next `limit` contacts of a preview; says how far it has come."""
        return dict(await self._call("advance_bulk", p_id=bulk_id, p_limit=limit))

    async def stop_bulk(self, bulk_id: str) -> Row:
        """Ends it where it is."""
        return dict(await self._call("stop_bulk", p_id=bulk_id))

    async def open_bulks(self, rule_id: str | None = None) -> list[Row]:
        """Those of an automation, or without one of contacts, that can still be gone on with."""
        query = self._client.table("open_bulk_actions").select(COLUMNS)
        if rule_id is None:
            query = query.is_("rule_id", "null")
        elif is_uuid(rule_id):
            query = query.eq("rule_id", rule_id)
        else:
            return []
        return list((await answer(query.order("created_at", desc=True).limit(10))).data)
