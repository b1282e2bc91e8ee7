"""This file is where whoever watches an automation shares one reading of it: pages and streams."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from pipeline.feed import Feed
from pipeline.shared import Shared

Row = dict[str, Any]
# What the monitor asks for before anybody filters: stage, search, offset.
EVERYTHING = ("", "", 0)
PER_PAGE = 100
MOMENTS: Shared[Row | None] = Shared()
FIGURES: Shared[Row] = Shared(kept_seconds=120.0)


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


class Cuts(Protocol):
    """The moments between which /analytics counts."""

    @property
    def before(self) -> Sequence[datetime]: ...

    @property
    def edges(self) -> Sequence[datetime]: ...

    @property
    def pace_edges(self) -> Sequence[datetime]: ...


async def figures(
    feed: Feed,
    rule_ids: Sequence[str],
    span: Cuts,
    max_age: float,
) -> Row:
    """What /analytics shows, at most `max_age` seconds old; its `until` says how far it goes."""
    found, _, _ = await FIGURES.get(
        (feed.person, *rule_ids, *span.before, *span.edges),
        max_age,
        lambda: feed.figures(rule_ids, span.before, span.edges, span.pace_edges),
    )
    return found


def forget(person: str, rule_id: str) -> None:
    """When this person looks at this rule next, they see what was done."""
    MOMENTS.forget(lambda key: isinstance(key, tuple) and key[:2] == (person, rule_id))
