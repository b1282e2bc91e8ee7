"""This file is where a page's conversations are read to the last: `python -m bench.sync --help`."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.fernet import Fernet

from bench._cluster import MIGRATED, thrown_away
from bench._racing import gateway_of
from bench._timing import Line, table
from local.postgres import Postgres
from local.sandbox.accounts import PAGE_TOKEN
from local.sandbox.serve import Sandbox, call, serve_sandbox
from tests.builders import World

THREADS, EACH = 50_000, 4
MOST_MB = 200
PAGE = "104200000000077"


def main() -> int:
    """0 when every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.sync", description=__doc__)
    parser.add_argument("--threads", type=int, default=THREADS, help="conversations of the page")
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, no more")
    wanted, _ = parser.parse_known_args()
    threads = 300 if wanted.quick else wanted.threads
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    with thrown_away() as postgres, serve_sandbox() as sandbox:
        body = {"page_id": PAGE, "people": threads, "each": EACH}
        call("POST", f"{sandbox.url}/facebook/threads", json=body, timeout=120).raise_for_status()
        lines = list(measure(postgres, sandbox, threads))
    sys.stdout.write(f"\nReading {threads:,} conversations:\n\n{table(lines)}\n")
    missed = [line.what.strip() for line in lines if line.is_met is False]
    sys.stdout.write(f"\nNOT MET: {'; '.join(missed)}\n" if missed else "\nEvery bar is met.\n")
    return bool(missed)


def measure(postgres: Postgres, sandbox: Sandbox, threads: int) -> Iterator[Line]:
    """The reader is a process of its own, and its memory is the kernel's count."""
    key = Fernet.generate_key().decode()
    world = World(postgres.dsn(dbname=MIGRATED))
    connect(world, key)
    with gateway_of(postgres, MIGRATED) as (url, secret):
        command = [sys.executable, "-m", "bench._our_reader", url, secret, sandbox.graph_url, key]
        started = time.monotonic()
        root = Path(__file__).parents[1]
        said = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
        took = time.monotonic() - started
    most, before = map(float, said.split())
    [found] = world.rows("select count(*) as contacts from public.contacts")
    [sync] = world.rows("select phase, threads_seen from public.facebook_page_syncs")
    world.close()
    whole = (found["contacts"], sync["threads_seen"], sync["phase"]) == (threads, threads, "idle")
    yield Line("contacts that came in", f"{found['contacts']:,}", "", f"{threads:,}", whole)
    yield Line(
        "reader's memory, at most", f"{most:.0f} MB", "", f"<= {MOST_MB} MB", most <= MOST_MB
    )
    yield Line("  of that before it began", f"{before:.0f} MB")
    yield Line("time without Facebook's pace", f"{took:,.0f} s")


def connect(world: World, key: str) -> None:
    """A page that is due to be read."""
    sealed = Fernet(key).encrypt(f"{PAGE_TOKEN}{PAGE}".encode()).decode()
    person = world.user()
    page = world.page(person, facebook_page_id=PAGE, encrypted_token=sealed)
    world.insert("public.facebook_page_syncs", page_id=page["id"], user_id=person["id"])


if __name__ == "__main__":
    sys.exit(main())
