"""This file is where a STOP and a START get their one answer."""

import logging
from typing import Any

from pipeline.model import Notice
from pipeline.ports import GraphError, Messenger, MessengerError, NotSentError
from pipeline.steps.verdicts import Kind, classify
from pipeline.store import Store
from pipeline.vault import SealedTextError, Vault

log = logging.getLogger("stagelight.confirmations")

AT_ONCE = 10
WORDS = {
    "stop": "You will get no more automatic messages from {page}. Write START to get them again.",
    "start": "You will get automatic messages from {page} again. Write STOP to end them.",
}


class Confirmations:
    """Each is written down as being sent before Facebook is called, and never taken up again."""

    def __init__(self, store: Store, messenger: Messenger, vault: Vault) -> None:
        self._store = store
        self._messenger = messenger
        self._vault = vault

    async def turn(self) -> int:
        """Sends what is due; returns how many there were."""
        rows = await self._store.claim_confirmations(AT_ONCE)
        for row in rows:
            status, code = await self._send(row)
            if status != "sending":
                await self._store.finish_confirmation(row["id"], status, code)
            if status != "sent":
                about = {"confirmation": row["id"], "status": status, "code": code}
                log.warning("confirmation", extra=about)
        return len(rows)

    async def _send(self, row: dict[str, Any]) -> tuple[str, str]:
        """Status and code; "sending" where nobody knows: it stays written down as that."""
        text = WORDS[row["word"]].format(page=row["page_name"])
        metadata = f"stagelight-answer:{row['id']}"
        notice = Notice(row["facebook_page_id"], row["sender_id"], text, metadata)
        try:
            token = self._vault.open(row["encrypted_token"] or "")
            await self._messenger.say(notice, token)
        except SealedTextError:
            return "failed", "token_unreadable"
        except NotSentError:
            return "due", "facebook_unreachable"
        except GraphError as error:
            verdict = classify(error)
            return ("sending" if verdict.kind is Kind.UNKNOWN else "failed"), verdict.code
        except MessengerError:
            return "sending", "outcome_unknown"
        return "sent", ""
