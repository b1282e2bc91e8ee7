"""This file is where a person's own actions are read back from the audit."""

from pipeline.answers import Asking, Row, answer
from pipeline.looking import Fits, begins, ends


class AuditReads(Asking):
    """What this person did. Every method may raise FeedError."""

    async def note_export(self, what: str, fits: Fits) -> None:
        """Writes down that a list is taken out as a file, before its first line is."""
        await self._call("note_export", p_what=what, p_filter=fits)

    async def contacts_of_states(self, states: list[int]) -> dict[int, Row]:
        """Id and name of the contact of each of these states that there still is."""
        if not states:
            return {}
        query = self._client.table("ai_automation_contact_states").select("id,contact_id")
        found = (await answer(query.in_("id", states))).data
        people = self._client.table("contacts").select("id,sender_name")
        told = (await answer(people.in_("id", [row["contact_id"] for row in found]))).data
        names = {row["id"]: dict(row) for row in told}
        return {row["id"]: names[row["contact_id"]] for row in found if row["contact_id"] in names}

    async def list_actions(
        self, fits: Fits, codes: list[str], before: tuple[str, int] | None, limit: int
    ) -> list[Row]:
        """What this person did, newest first; `codes` are the actions of the kind in `fits`."""
        query = self._client.table("ai_automation_audit").select(
            "id,action,affected,occurred_at,detail,rule_id,page_id"
        )
        if codes:
            query = query.in_("action", codes)
        if "rule" in fits:
            query = query.eq("rule_id", fits["rule"])
        if "from" in fits:
            query = query.gte("occurred_at", begins(fits).isoformat())
        if "until" in fits:
            query = query.lt("occurred_at", ends(fits).isoformat())
        if before:
            at, number = before
            query = query.or_(
                f'occurred_at.lt."{at}",and(occurred_at.eq."{at}",id.lt.{int(number)})'
            )
        query = query.order("occurred_at", desc=True).order("id", desc=True).limit(limit)
        return list((await answer(query)).data)
