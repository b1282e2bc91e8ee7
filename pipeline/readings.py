"""This file is where whoever watches an automation shares one reading of it: pages and streams."""

from typing import Any

from pipeline.feed import Feed
from pipeline.shared import Shared

Row = dict[str, Any]
# What the monitor asks for before anybody filters: stage, search, offset.
EVERYTHING = ("", "", 0)
PER_PAGE = 100
MOMENTS: Shared[Row | None] = Shared()


async def moment(
    feed: Feed, rule_id: str, max_age: float, view: tuple[str, str, int] = EVERYTHING
) -> tuple[Row | None, float, int]:
    """A snapshot at most `max_age` seconds old, its age, and how many took it so far.

    None for a rule that is not this person's. It belongs to everybody who took it: change nothing.
    `feed.person` must be known to be true, because a reading is handed to whoever has that name.
    """
    stage, search, offset = view
    return await MOMENTS.get(
        (feed.person, rule_id, *view),
        max_age,
        lambda: feed.snapshot(rule_id, stage, search, (PER_PAGE, offset)),
    )


def forget(person: str, rule_id: str) -> None:
    """When this person looks at this rule next, they see what was done."""
    MOMENTS.forget(lambda key: isinstance(key, tuple) and key[:2] == (person, rule_id))
