"""This file is where streams to other programs are measured: `python -m bench.streams --help`."""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import httpx

from bench._timing import Line, p95, table
from bench._watched import Watched, watched
from tests.builders import PASSWORD
from tests.listener import Listener

STREAMS = 100
CHANGE_SECONDS = 0.9


def main() -> int:
    """0 when every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, no more")
    wanted = parser.parse_args()
    with watched() as here:
        lines = list(_measure(here, 4 if wanted.quick else wanted.seconds))
    sys.stdout.write(f"\nStreams of one automation with 100 contacts:\n\n{table(lines)}\n")
    missed = [line.what for line in lines if line.is_met is False]
    sys.stdout.write(f"\nNOT MET: {'; '.join(missed)}\n" if missed else "\nEvery bar is met.\n")
    return bool(missed)


def _measure(here: Watched, seconds: float) -> Iterator[Line]:
    counts, times = [], []
    for streams in (1, STREAMS):
        before = here.snapshots()
        times = asyncio.run(watch(here, streams, seconds))
        time.sleep(1)  # the database tells its statistics late
        counts.append(here.snapshots() - before)
    one, many = counts
    met = many <= 1.2 * one
    what = f"snapshots read, {STREAMS} streams : 1 stream"
    yield Line(what, f"{many} : {one}", "", "<= 1.2 x", met)
    high = p95(times)
    what = f"committed to heard, {STREAMS} streams"
    yield Line(what, f"{median(times):.2f} s", f"{high:.2f} s", "p95 <= 1.0 s", high <= 1.0)


async def watch(here: Watched, streams: int, seconds: float) -> list[float]:
    """Changes come and every stream hears of each; how long that took, in seconds."""
    moved_at = 0.0
    times: list[float] = []

    def hear(kind: str, _: Any) -> None:
        if kind == "update" and moved_at:
            times.append(time.perf_counter() - moved_at)

    limits = httpx.Limits(max_connections=None)
    headers = {"authorization": f"Bearer {token_of(here)}"}
    url = f"/api/ai-automations/{here.rule['id']}/monitor"
    listeners = [Listener(url, headers, heard=hear) for _ in range(streams)]
    base = here.stack.dashboard_url
    async with httpx.AsyncClient(base_url=base, trust_env=False, limits=limits, timeout=30) as http:
        until = time.monotonic() + seconds
        tasks = [
            asyncio.create_task(each.listen(http, lambda _: time.monotonic() > until))
            for each in listeners
        ]
        while not all(each.state for each in listeners):
            await asyncio.sleep(0.05)
        turn = 0
        while time.monotonic() < until:
            turn += 1
            await asyncio.to_thread(here.move, 3)
            moved_at = time.perf_counter()
            # Not in step with the server's own rhythm.
            await asyncio.sleep(CHANGE_SECONDS + turn % 7 * 0.11)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return times


def token_of(here: Watched) -> str:
    """The watcher's access token, as another program would have it."""
    answer = httpx.post(
        f"{here.stack.url}/auth/v1/token?grant_type=password",
        headers={"apikey": here.stack.publishable_key},
        json={"email": "watcher@example.com", "password": PASSWORD},
        trust_env=False,
    )
    return str(answer.json()["access_token"])


if __name__ == "__main__":
    sys.exit(main())
