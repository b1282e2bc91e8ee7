"""This file is where our worker reads the conversations of a page without waiting between calls.

`python -m bench._our_reader URL SECRET_KEY GRAPH_URL TOKEN_KEY`: reads one round, then says how
much memory it had at the most, in MB, and how much before it began.
"""

import asyncio
import sys
from pathlib import Path

import httpx

from pipeline.adapters.conversations import Conversations
from pipeline.adapters.facebook import create_http
from pipeline.adapters.graph import Graph
from pipeline.clients import service_client
from pipeline.settings import Settings
from pipeline.sync_store import SyncStore
from pipeline.syncs import Syncs
from pipeline.tls import trust_for
from pipeline.vault import Vault


async def read(url: str, secret_key: str, graph_url: str, token_key: str) -> None:
    """One round over every page that is due."""
    settings = Settings(
        supabase_url=url, supabase_secret_key=secret_key, facebook_graph_url=graph_url
    )
    async with (
        httpx.AsyncClient(timeout=60, verify=trust_for(url)) as database,
        create_http(settings) as facebook,
    ):
        store = SyncStore(service_client(settings, database), "reader")
        reader = Conversations(Graph(settings, facebook))
        syncs = Syncs(store, reader, Vault(token_key), sleep=at_once)
        before = megabytes("VmRSS")
        await syncs.turn()
        await syncs.drain()
    sys.stdout.write(f"{megabytes('VmHWM'):.1f} {before:.1f}\n")


async def at_once(seconds: float) -> None:
    """The pace is Facebook's; memory does not depend on it."""


def megabytes(field: str) -> float:
    """What the kernel counts for this process."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    asyncio.run(read(*sys.argv[1:]))
