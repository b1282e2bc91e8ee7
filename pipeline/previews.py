"""This file is where a worker takes up test messages that people wait for on the form."""

import asyncio
import logging
from typing import Any

from pipeline.ports import Writer
from pipeline.steps.preview import preview
from pipeline.store import Store

log = logging.getLogger("stagelight.previews")

AT_ONCE = 4
SURPRISE = {
    "error_message": "Something unexpected happened here; it is in the worker's log.",
    "error_hint": "Try again; if it happens again, report it.",
}


class Previews:
    """Claims test messages, has them written, and writes the answers down."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer

    async def turn(self) -> int:
        """Writes what waits; returns how many there were."""
        rows = await self._store.claim_previews(AT_ONCE)
        await asyncio.gather(*(self._answer(row) for row in rows))
        return len(rows)

    async def _answer(self, row: dict[str, Any]) -> None:
        try:
            result = await preview(row, self._writer)
        except Exception:
            # Somebody waits for this answer, and others for those beside it.
            log.exception("surprise", extra={"preview": row["preview_id"]})
            result = dict(SURPRISE)
        await self._store.finish_preview(row["preview_id"], result)
