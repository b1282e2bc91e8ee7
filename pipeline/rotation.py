"""This file is where stored page tokens are sealed anew with the first key: `... rotate-keys`."""

import sys
from collections import Counter
from typing import Any

import httpx
from supabase import AsyncClient

from pipeline.clients import service_client
from pipeline.settings import Settings
from pipeline.tls import trust_for
from pipeline.vault import SealedTextError, Vault

TABLE = "facebook_page_secrets"
PAGE = 500
NOBODY = "00000000-0000-0000-0000-000000000000"


async def rotate_keys(settings: Settings, vault: Vault) -> int:
    """0 when every token is sealed with the first key, 1 when some could not be opened.

    May run at any time, also beside workers, and again.
    """
    trust = trust_for(settings.supabase_url)
    counts: Counter[str] = Counter()
    async with httpx.AsyncClient(timeout=15, verify=trust) as http:
        client = service_client(settings, http)
        rows = await _read_after(client, NOBODY)
        while rows:
            for row in rows:
                counts[await _rotate(client, vault, row)] += 1
            rows = await _read_after(client, rows[-1]["page_id"])
    sys.stdout.write(
        f"{counts['sealed']} sealed anew, {counts['current']} were already, "
        f"{counts['lost']} cannot be opened\n"
    )
    return 1 if counts["lost"] else 0


async def _read_after(client: AsyncClient, page_id: str) -> list[dict[str, Any]]:
    query = client.table(TABLE).select("page_id, encrypted_token").gt("page_id", page_id)
    found: Any = (await query.order("page_id").limit(PAGE).execute()).data
    return list(found)


async def _rotate(client: AsyncClient, vault: Vault, row: dict[str, Any]) -> str:
    """Only the token that was read is replaced: one that was saved meanwhile stays."""
    old = row["encrypted_token"]
    if vault.is_current(old):
        return "current"
    try:
        change = client.table(TABLE).update({"encrypted_token": vault.rotate(old)})
    except SealedTextError:
        return "lost"
    await change.eq("page_id", row["page_id"]).eq("encrypted_token", old).execute()
    return "sealed"
