"""This file is where a STOP and a START get their one answer."""

import asyncio
import logging
from collections import defaultdict
from typing import Any, assert_never

from pipeline.model import Notice
from pipeline.ports import GraphError, Messenger, MessengerError, NotSentError
from pipeline.steps.verdicts import Kind, classify
from pipeline.store import Store
from pipeline.vault import SealedTextError, Vault

log = logging.getLogger("stagelight.confirmations")

AT_ONCE = 10
Told = tuple[str, str, float]
WORDS = {
    "stop": "You will get no more automatic messages from {page}. Write START to get them again.",
    "start": "You will get automatic messages from {page} again. Write STOP to end them.",
}


class Confirmations:
    """Each is written down as being sent before Facebook is called.

    It is taken up again only when it certainly did not arrive, and soon: who said STOP ten minutes
    ago needs no answer. How often and when is the database's (sql/parts/780_confirmations.sql).
    """

    def __init__(self, store: Store, messenger: Messenger, vault: Vault) -> None:
        self._store = store
        self._messenger = messenger
        self._vault = vault

    async def turn(self) -> int:
        """Sends what is due, page beside page; returns how many there were."""
        rows = await self._store.claim_confirmations(AT_ONCE)
        of_page: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            of_page[row["facebook_page_id"]].append(row)
        await asyncio.gather(*map(self._answer, of_page.values()))
        return len(rows)

    async def _answer(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            status, code, after_seconds = await self._send(row)
            if status != "sending":
                await self._store.finish_confirmation(row["id"], status, code, after_seconds)
            if status != "sent":
                about = {"confirmation": row["id"], "status": status, "code": code}
                log.warning("confirmation", extra=about)

    async def _send(self, row: dict[str, Any]) -> Told:
        """Status, code, and the least wait; "sending" where nobody knows: it stays that."""
        text = WORDS[row["word"]].format(page=row["page_name"])
        metadata = f"stagelight-answer:{row['id']}"
        notice = Notice(row["facebook_page_id"], row["sender_id"], text, metadata)
        try:
            token = self._vault.open(row["encrypted_token"] or "")
            await self._messenger.say(notice, token)
        except SealedTextError:
            return "failed", "token_unreadable", 0.0
        except NotSentError:
            return "due", "facebook_unreachable", 0.0
        except GraphError as error:
            return _refused(error)
        except MessengerError:
            return "sending", "outcome_unknown", 0.0
        return "sent", "", 0.0


def _refused(error: GraphError) -> Told:
    verdict = classify(error)
    match verdict.kind:
        case Kind.UNKNOWN:
            return "sending", verdict.code, 0.0
        case Kind.LATER:
            return "due", verdict.code, max(verdict.wait_seconds, error.regain_seconds)
        case Kind.PAGE | Kind.SKIP | Kind.FINAL:
            return "failed", verdict.code, 0.0
        case _:
            assert_never(verdict.kind)
