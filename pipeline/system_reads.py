"""This file is where the health of the installation is read: processes, queues, metrics."""

from collections.abc import Callable

from pipeline.answers import Asking, Row, answer
from pipeline.installation import Installation


class SystemReads(Asking):
    """How it goes, as far as it concerns this person. Every method may raise FeedError."""

    # Asked each time: the embedded stack writes down what it is only after it has started us.
    installation: Callable[[], Installation] = Installation

    async def system_health(self) -> Row:
        """Workers and receivers, and what they have of yours in hand."""
        return dict(await self._call("system_health"))

    async def metrics(self, token: str) -> Row | None:
        """Sums over everybody; None for a token that no worker has named."""
        found = await self._call("metrics", p_token=token)
        return dict(found) if found else None

    async def queues(self) -> list[Row]:
        """How many contacts stand in which stage of which automation, and since when."""
        columns = "rule_id,stage,contacts,oldest_seconds"
        query = self._client.table("automation_stage_summary").select(columns).gt("contacts", 0)
        return list((await answer(query)).data)
