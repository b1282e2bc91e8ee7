"""This file is where our worker runs with an AI and a Facebook that answer at once.

`python -m bench._our_worker URL SECRET_KEY NAME`: the worker's own turns, lanes and recorder,
through supabase-py and the gateway.
"""

import asyncio
import sys

import httpx
from cryptography.fernet import Fernet

from pipeline.clients import service_client
from pipeline.loop import run
from pipeline.model import Draft, Job, Notice, Receipt
from pipeline.recorder import Recorder
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tls import trust_for
from pipeline.turns import Capacity, Turns
from pipeline.vault import Vault

AT_ONCE = 1000


class Instant:
    """Writes and delivers without doing either."""

    async def write(self, job: Job, correction: str = "") -> Draft:
        """A fit text."""
        return Draft("Hello, it was lovely to see you. Was the cake good?", "none", 300, 20, 1)

    async def send(self, job: Job, token: str) -> Receipt:
        """Accepted."""
        return Receipt(f"m_{job.attempt_id}")

    async def say(self, notice: Notice, token: str) -> Receipt:
        """Nobody here says STOP."""
        return Receipt(notice.metadata)

    async def person_on_page(self, app_scoped_id: str, page_id: str, token: str) -> str | None:
        """Nobody here asks to be forgotten."""
        return None

    async def find_sent(self, job: Job, token: str) -> str | None:
        """Nothing is ever unclear here."""
        return None


class Opened(Vault):
    """Opens what was sealed for another key: sealing is not what is measured."""

    def open(self, text: str) -> str:
        """A token."""
        return "token"


async def work(url: str, secret_key: str, name: str) -> None:
    """Works until it is killed."""
    settings = Settings(supabase_url=url, supabase_secret_key=secret_key)
    async with httpx.AsyncClient(timeout=60, verify=trust_for(url)) as http:
        store = Store(service_client(settings, http), name)
        recorder, instant = Recorder(store), Instant()
        vault = Opened(Fernet.generate_key().decode())
        room = Capacity(writing=AT_ONCE, sending=AT_ONCE)
        turns = Turns(store, recorder, instant, instant, vault, room)
        writing_down = asyncio.create_task(recorder.run())
        sys.stdout.write("READY\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(
            writing_down, *(again(turn) for turn in (turns.check, turns.write, turns.send))
        )


async def again(turn: object) -> None:
    """The turn, every 20 ms."""
    while True:
        await turn()  # type: ignore[operator]
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    run(work(*sys.argv[1:]))
