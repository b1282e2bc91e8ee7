"""This file is where a worker process starts and stops: `python -m pipeline`.

`python -m pipeline rotate-keys` seals the page tokens with the first of TOKEN_ENCRYPTION_KEY.
"""

import asyncio
import hashlib
import logging
import os
import secrets
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import httpx

from pipeline.adapters.conversations import Conversations
from pipeline.adapters.facebook import Facebook, create_http
from pipeline.adapters.google_ai import GoogleAi
from pipeline.adapters.graph import Graph
from pipeline.clients import service_client
from pipeline.logs import log_to_stderr
from pipeline.loop import run
from pipeline.recorder import Recorder, name_of
from pipeline.rotation import rotate_keys
from pipeline.scheduler import Clocks, follow_clock, schedule
from pipeline.send_gate import SendGate
from pipeline.settings import Settings, SettingsError, read_settings
from pipeline.store import Store
from pipeline.sync_store import SyncStore
from pipeline.syncs import Syncs
from pipeline.tls import trust_for
from pipeline.turns import Capacity, Retention, Turns
from pipeline.vault import Vault

log = logging.getLogger("stagelight.worker")

VERSION = "0.1.0"
SECONDS_TO_FINISH = 7.0


def main(arguments: Sequence[str] = ()) -> int:
    """Exit code 2 when a setting is missing or wrong, 1 when outcomes cannot be written down."""
    # Owners read it beside their contacts, so it does not say which machine this is.
    name = f"worker-{os.getpid()}-{secrets.token_hex(4)}"
    log_to_stderr(name)
    if list(arguments) not in ([], ["rotate-keys"]):
        sys.stderr.write("usage: python -m pipeline [rotate-keys]\n")
        return 2
    try:
        settings = read_settings()
        settings.require("supabase_url", "supabase_secret_key", "token_encryption_key")
        if not arguments:
            settings.check_send_mode()
        vault = Vault(settings.token_encryption_key)
        return run(rotate_keys(settings, vault) if arguments else work(settings, vault, name))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2


async def work(settings: Settings, vault: Vault, name: str) -> int:
    """Works until SIGTERM or SIGINT, then finishes what is in hand; returns the exit code."""
    trust = trust_for(settings.supabase_url)
    async with (
        httpx.AsyncClient(timeout=15, verify=trust) as database,
        create_http(settings) as graph,
    ):
        store = Store(service_client(settings, database), name, settings.lease_seconds)
        if settings.metrics_token:
            store.metrics_hash = hashlib.sha256(settings.metrics_token.encode()).hexdigest()
        recorder = Recorder(store)
        google = GoogleAi(settings, now=store.clock.now)
        keep = Retention(settings.text_retention_hours, settings.history_retention_days)
        # Given up well before the lease: a call that is still under way is nobody else's to settle.
        facebook = Facebook(settings, graph, settings.lease_seconds * 2 / 3)
        conversations = Conversations(Graph(settings, graph))
        syncs = Syncs(SyncStore(service_client(settings, database), name), conversations, vault)
        room = Capacity(settings.writing_at_once, settings.sending_at_once)
        looks = settings.look_for_seconds
        turns = Turns(store, recorder, google, facebook, vault, room, keep, syncs, looks)
        turns.version = VERSION
        if settings.send_mode == "live":
            turns.sending.may_claim = SendGate(store).open
        writing_down = asyncio.create_task(recorder.run())
        scheduler = schedule(turns, lease_seconds=settings.lease_seconds)
        turns.clocks = Clocks(scheduler)
        scheduler.start()
        following = asyncio.create_task(follow_clock(scheduler))
        exit_code = await watch(writing_down, told_to_stop())
        scheduler.pause()
        try:
            await asyncio.wait_for(turns.finish(SECONDS_TO_FINISH), SECONDS_TO_FINISH + 2)
        except Exception as error:
            # The database may be away; what is in hand is settled later, by whoever finds it.
            log.warning("not finished", extra={"error": name_of(error)})
        following.cancel()
        scheduler.shutdown(wait=False)
        writing_down.cancel()
        await google.aclose()
        return exit_code


async def watch(writing_down: asyncio.Task[None], told: Coroutine[Any, Any, None]) -> int:
    """0 when told to stop; 1 as soon as outcomes are no longer written down.

    Beats would go on and keep the leases of contacts whose outcome nobody will ever write, so the
    process ends, and the supervisor starts another one.
    """
    stop = asyncio.ensure_future(told)
    await asyncio.wait((writing_down, stop), return_when=asyncio.FIRST_COMPLETED)
    if not writing_down.done():
        return 0
    stop.cancel()
    error = None if writing_down.cancelled() else writing_down.exception()
    log.critical("recorder ended", extra={"error": type(error).__name__})
    return 1


async def told_to_stop() -> None:
    """Returns at the first SIGTERM or SIGINT; the second one ends the process."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, on_signal)
        except NotImplementedError:  # Windows' loop has none.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(on_signal))
    await stop.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
