"""This file is where a throw-away town is built: cluster, gateway, sandbox, workers."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from local.bootstrap import MIGRATION, bootstrap, migrate
from local.files import write_private_json
from local.postgres import Postgres, find_bin
from local.sandbox.serve import Sandbox
from pipeline.vault import Vault
from tests.builders import Row, World
from tests.faults.gate import Gate
from tests.faults.nest import ROOT, Nest
from tests.ports import free_port

KEY = Fernet.generate_key().decode()
LEASE_SECONDS = 3
LOOK_FOR_SECONDS = 3


@dataclass
class Hand:
    """One worker's place: a gate that stays, and the process behind it that comes and goes."""

    town: "Town"
    gate: Gate
    lease_seconds: int = LEASE_SECONDS
    more: dict[str, str] = field(default_factory=dict)
    pid: int = 0

    def hatch(self) -> None:
        """A new worker process, forked."""
        told = self.town.environment(self.gate.url, self.lease_seconds)
        self.pid = self.town.nest.hatch({**told, **self.more})

    def signal(self, number: int) -> None:
        """Sends a signal to the worker, whether it still lives or not."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def gone(self, seconds: float = 60) -> int:
        """Waits for the worker's end; its return code."""
        deadline = time.monotonic() + seconds
        while (code := self.town.nest.ended(self.pid)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the worker did not end in {seconds} s")
            await asyncio.sleep(0.01)
        return code

    async def kill(self) -> int:
        """SIGKILL, and nothing left of it when this returns; its return code."""
        self.signal(signal.SIGKILL)
        return await self.gone()


@dataclass
class Town:
    """Everything a cell of the matrix needs; one owner, as many pages as cells ask for."""

    home: Path
    cluster: Postgres
    gateway_url: str
    secret_key: str = field(repr=False)
    facebook: Sandbox
    world: World
    nest: Nest
    processes: dict[str, "subprocess.Popen[bytes]"]
    owner: Row = field(default_factory=dict)
    hands: list[Hand] = field(default_factory=list)

    def environment(self, url: str, lease_seconds: int = LEASE_SECONDS) -> dict[str, str]:
        """What a worker is told; `url` is its gate."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1",
            "SUPABASE_URL": url,
            "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_town",
            "SUPABASE_SECRET_KEY": self.secret_key,
            "TOKEN_ENCRYPTION_KEY": KEY,
            "GOOGLE_API_KEY": "sandbox",
            "GOOGLE_BASE_URL": f"{url}/google",
            "FACEBOOK_GRAPH_URL": f"{url}/graph/v26.0",
            "LEASE_SECONDS": str(lease_seconds),
            "LOOK_FOR_SECONDS": str(LOOK_FOR_SECONDS),
        }

    async def hand(
        self, lease_seconds: int = LEASE_SECONDS, *, hatched: bool = True, **more: str
    ) -> Hand:
        """A new gate with a worker behind it, which finds `more` in its environment."""
        gate = Gate(free_port(), self.gateway_url, self.facebook.url)
        await gate.open()
        hand = Hand(self, gate, lease_seconds, more)
        self.hands.append(hand)
        if hatched:
            hand.hatch()
        return hand

    async def dismiss(self) -> None:
        """Kills every worker."""
        for hand in self.hands:
            if hand.pid:
                await hand.kill()
            await hand.gate.close()
        self.hands.clear()

    def rules(self, count: int = 1, rate: int = 2400, **values: Any) -> list[Row]:
        """So many automations, each on a page of its own."""
        pages = [
            self.world.page(
                self.owner,
                encrypted_token=Vault(KEY).seal("EAAtownPageToken"),
                sends_per_minute=rate,
            )
            for _ in range(count)
        ]
        more = {"max_follow_ups": 1, "daily_limit": 100_000, **values}
        return [self.world.rule(page, **more) for page in pages]

    def queue(
        self, rules: list[Row], contacts: int, *, closed: bool = False, held: bool = False
    ) -> None:
        """Puts new contacts into the queue, evenly; `closed` ones are outside their window.

        `held` ones are not due for an hour.
        """
        for rule in rules:
            self.world.rows(QUEUE, closed, contacts // len(rules), rule["id"], held)

    def rows(self, query: str, *values: Any) -> list[Row]:
        """What `query` returns; waits while the database is away."""
        return self.world.rows(query, *values)

    def log_length(self) -> int:
        """So many bytes are in the log of all workers."""
        log = self.home / "workers.log"
        return log.stat().st_size if log.exists() else 0

    def lines(self, since: int = 0) -> list[dict[str, Any]]:
        """What workers have said in their log, from that byte on."""
        said = []
        with (self.home / "workers.log").open("rb") as log:
            log.seek(since)
            for line in log:
                # Who is killed, or has no room on the disk, does not end its line.
                with suppress(ValueError):
                    said.append(json.loads(line))
        return said

    def troubles(self, since: int = 0) -> int:
        """How often workers have said that the database did not do what they asked."""
        return sum(line["event"] in ("waiting", "database away") for line in self.lines(since))

    def reconnect(self) -> None:
        """A new connection, after the database was away."""
        before, self.world = self.world, World(self.cluster.dsn())
        self.world._numbers = before._numbers
        before.close()


QUEUE = """
with fresh as (
    insert into public.contacts (user_id, page_id, sender_id, sender_name, last_inbound_at)
    select r.user_id, r.page_id, 'p' || replace(gen_random_uuid()::text, '-', ''), 'Amina Diallo',
        now() - case when %s then interval '30 hours' else interval '2 hours' end
    from public.ai_automation_rules as r, generate_series(1, %s)
    where r.id = %s
    returning id, user_id, page_id
)

insert into public.ai_automation_contact_states (
    user_id, rule_id, contact_id, status_message, due_at
)
select f.user_id, r.id, f.id, 'In queue', now() + case when %s then interval '1 hour' else '0' end
from fresh as f inner join public.ai_automation_rules as r on r.page_id = f.page_id
returning id
"""


@asynccontextmanager
async def build(
    options: dict[str, str] | None = None, place: Path | None = None, migration: Path = MIGRATION
) -> AsyncIterator[Town]:
    """A town in a folder, in `place` if said, that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="stagelight-faults-", dir=place) as folder:
        home = Path(folder)
        home.chmod(0o755)
        cluster = Postgres(home, free_port(), find_bin(os.environ.get("APP_PG_BIN", "")), options)
        cluster.start()
        processes: dict[str, subprocess.Popen[bytes]] = {}
        nest = Nest(home / "workers.log")
        town = None
        try:
            bootstrap(cluster)
            migrate(cluster.dsn(), migration)
            town = await _furnish(home, cluster, nest, processes)
            town.owner = town.world.user()
            yield town
        finally:
            if town is not None:
                await town.dismiss()
                town.world.close()
            nest.close()
            for process in processes.values():
                process.kill()
                process.wait(timeout=10)
            cluster.stop()


async def _furnish(
    home: Path, cluster: Postgres, nest: Nest, processes: dict[str, "subprocess.Popen[bytes]"]
) -> Town:
    secret_key = "sb_secret_" + secrets.token_urlsafe(16)
    gateway_url, sandbox_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    config = home / "gateway.json"
    values = {
        "url": gateway_url,
        "dsn": cluster.dsn("authenticator"),
        "auth_dsn": cluster.dsn("supabase_auth_admin"),
        "key_file": str(home / "jwt.json"),
        "publishable_key": "sb_publishable_town",
        "secret_key": secret_key,
    }
    write_private_json(config, values)
    processes["gateway"] = start(home, "local.gateway", str(config))
    port = sandbox_url.rpartition(":")[2]
    delays = ("--ai-delay", "0.02,0.1", "--graph-delay", "0.02,0.1")
    processes["sandbox"] = start(home, "local.sandbox", "--port", port, *delays)
    await answering(f"{sandbox_url}/health", lambda: None)
    await answering(f"{gateway_url}/rest/v1/", lambda: None)
    return Town(
        home, cluster, gateway_url, secret_key, Sandbox(sandbox_url), World(cluster.dsn()), nest,
        processes,
    )  # fmt: skip


def start(
    home: Path, module: str, *arguments: str, before: tuple[str, ...] = (), **more: str
) -> "subprocess.Popen[bytes]":
    """A process of ours beside the town, its log in `home`.

    `before` is what starts it, and `more` what it finds in its environment.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "SANDBOX_TEST_RECIPIENTS": "off",
        **more,
    }
    with (home / f"{module}.log").open("ab") as log:
        command = [*before, sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)


async def answering(url: str, tick: Callable[[], None], seconds: float = 120) -> None:
    """Returns when something answers there, whatever it says."""
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            tick()
            with suppress(httpx.HTTPError):
                await http.get(url)
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} does not answer")
            await asyncio.sleep(0.05)
