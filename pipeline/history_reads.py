"""This file is where the history of tries to send is read, as the signed-in user."""

from collections.abc import AsyncIterator
from typing import Any

from pipeline.answers import Asking, Row
from pipeline.contact_actions import Cursor
from pipeline.looking import Fits, attempt_filter

# How many tries one call looks at: a fraction of a second each, and of the 8 s that a call has.
LOOK, LOOK_FOR_WORDS = 1_000_000, 200_000
# A file is read in parts small enough that a long one needs no more memory than a short one.
PART = 300
NOBODY = "00000000-0000-0000-0000-000000000000"


class HistoryReads(Asking):
    """Every try to send, newest first. Every method may raise FeedError."""

    async def list_attempts(self, fits: Fits, before: Cursor | None = None, limit: int = 50) -> Row:
        """One page of the tries that fit, before the (started_at, id) of one.

        `looked_until` says how far back was looked, where fewer were found and there are older.
        """
        few = LOOK_FOR_WORDS if "q" in fits else LOOK
        found: Any = await self._call(
            "list_attempts",
            p_filter=attempt_filter(fits),
            p_before=list(before) if before else None,
            p_limit=limit,
            p_look=few if set(fits) - {"from", "until", "zone"} else limit + 1,
        )
        return dict(found)

    async def rule_names(self) -> list[Row]:
        """The automations, by name: what the history can be filtered by."""
        rules = await self._read("ai_automation_rules", "id,name")
        return sorted(rules, key=lambda rule: str(rule["name"]).casefold())

    async def every_attempt(self, fits: Fits) -> AsyncIterator[list[Row]]:
        """All that fit, page by page; what comes meanwhile is not among them."""
        before: Cursor | None = None
        while True:
            found = await self.list_attempts(fits, before, PART)
            yield found["attempts"]
            before = next_attempt(found)
            if before is None:
                return


def next_attempt(found: Row) -> Cursor | None:
    """Where the page after this one begins; None after the last."""
    if found["more"]:
        last = found["attempts"][-1]
        return (str(last["started_at"]), str(last["id"]))
    return (str(found["looked_until"]), NOBODY) if found["looked_until"] else None
