"""This file is where stored page tokens are sealed anew with the first key: `... rotate-keys`."""

import sys

import httpx

from pipeline.clients import service_client
from pipeline.settings import Settings
from pipeline.tls import trust_for
from pipeline.vault import SealedTextError, Vault

TABLE = "facebook_page_secrets"
PAGE = 500


async def rotate_keys(settings: Settings, vault: Vault) -> int:
    """0 when every token is sealed with the first key, 1 when some could not be opened.

    Only the row that was read is replaced: a token saved meanwhile stays. May run at any time, also
    beside workers, and again.
    """
    trust = trust_for(settings.supabase_url)
    done = current = lost = 0
    async with httpx.AsyncClient(timeout=15, verify=trust) as http:
        table = service_client(settings, http).table
        last = ""
        while True:
            query = table(TABLE).select("page_id, encrypted_token").order("page_id").limit(PAGE)
            rows = (await (query.gt("page_id", last) if last else query).execute()).data
            for row in rows:
                old = row["encrypted_token"]
                if vault.is_current(old):
                    current += 1
                    continue
                try:
                    new = {"encrypted_token": vault.rotate(old)}
                except SealedTextError:
                    lost += 1
                    continue
                change = table(TABLE).update(new)
                await change.eq("page_id", row["page_id"]).eq("encrypted_token", old).execute()
                done += 1
            if len(rows) < PAGE:
                break
            last = rows[-1]["page_id"]
    sys.stdout.write(f"{done} sealed anew, {current} were already, {lost} cannot be opened\n")
    return 1 if lost else 0
