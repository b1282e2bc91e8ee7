"""This file is where it is found out who asked to be deleted, and where they are."""

import logging
from typing import Any

from pipeline.ports import GraphError, Messenger, MessengerError
from pipeline.store import Store
from pipeline.vault import SealedTextError, Vault

log = logging.getLogger("stagelight.forgetting")

Row = dict[str, Any]


def says_nobody(error: Exception) -> bool | None:
    """Whether it says that there is no such person; None when it may as well mean "not for you".

    100/33 is an object that does not exist, or that this app may not see.
    100 with another subcode may be a wrong parameter, so it says nothing.
    """
    if not isinstance(error, GraphError):
        return False
    if (error.code, error.subcode) == (100, 33):
        return None
    return error.code == 803


class Forgetting:
    """Asks Facebook, page by page, which of our contacts an app's user is (docs/decisions/0026)."""

    def __init__(self, store: Store, messenger: Messenger, vault: Vault) -> None:
        self._store = store
        self._messenger = messenger
        self._vault = vault

    async def turn(self) -> int:
        """Finds and deletes; returns how many contacts went."""
        requests = await self._store.deletions_to_resolve()
        pages = await self._store.page_tokens() if requests else []
        for request in requests:
            await self._resolve(request["code"], request["asked_for"], pages)
        if gone := await self._store.finish_deletions():
            log.info("forget", extra={"contacts": gone})
        return gone

    async def _resolve(self, code: str, asked_for: str, pages: list[Row]) -> None:
        people: list[Row] = []
        answers: list[bool | None] = []
        for row in pages:
            page_id = row["facebook_page_id"]
            # Who uses a page's own id, as our own tools may, means that one.
            people.append({"facebook_page_id": page_id, "sender_id": asked_for})
            try:
                token = self._vault.open(row["encrypted_token"])
                found = await self._messenger.person_on_page(asked_for, page_id, token)
            except (SealedTextError, MessengerError) as error:
                answers.append(says_nobody(error))
                continue
            answers.append(True)
            if found:
                people.append({"facebook_page_id": page_id, "sender_id": found})
        # "Nobody, or not for you" is nobody only where the app was given a plain answer, too.
        complete = False not in answers and (True in answers or not answers)
        if not complete:
            log.warning("not every page could be asked", extra={"pages": len(pages)})
        await self._store.resolve_deletion(code, people, complete=complete)
