"""This file is where the figures of /analytics are read, as the signed-in user."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from pipeline.answers import Asking, Row


class FiguresReads(Asking):
    """Reads what the worker rolled up. Every method may raise FeedError."""

    async def figures(
        self,
        rule_ids: Sequence[str],
        before: Sequence[datetime],
        edges: Sequence[datetime],
        pace_edges: Sequence[datetime],
    ) -> Row:
        """What happened between each two neighbours of `edges`, and in the span `before` them.

        Without `rule_ids` that of all automations. `flow` counts from bin 1, the span before; bin 2
        lies between the two, and what `edges` cut begins with bin 3.
        Of `paces` bin 1 lies between the first two of `pace_edges`.
        """
        chosen = list(rule_ids) or None
        moments = [edge.isoformat() for edge in edges]
        until, flow, paces, sums = await asyncio.gather(
            self._call("analytics_until"),
            self._call(
                "analytics_flow",
                p_rule_ids=chosen,
                p_edges=[*(edge.isoformat() for edge in before), *moments],
            ),
            self._call(
                "analytics_paces",
                p_rule_ids=chosen,
                p_edges=[edge.isoformat() for edge in pace_edges],
            ),
            self._call(
                "analytics_by_automation",
                p_rule_ids=chosen,
                p_from=moments[0],
                p_until=moments[-1],
            ),
        )
        return {"until": until, "flow": flow, "paces": paces, "sums": sums}
