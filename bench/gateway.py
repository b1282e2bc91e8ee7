"""This file is where the gateway's speed is measured: `python -m bench.gateway --help`."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from statistics import median

import psycopg
import uvloop

from bench._asked import Asked, asked
from bench._requests import keep_asking, request
from bench._timing import Line, line_of_times, p95, table, timed

AT_ONCE = 8
RPC, READ = "/rest/v1/rpc/next_number", "/rest/v1/hundred?select=id,name,qty,done,created_at"
RESULT = {"state_id": "6b3c8f5e-0000-4000-8000-000000000001", "generated_message": "Hello! " * 40}
CALL = "select public.next_number(%s)"
BECOME = (
    "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)"
)


def main() -> int:
    """0 when every bar is met."""
    wanted = _arguments()
    lines = []
    with asked() as here:
        for line in _measure(here, wanted.seconds):
            lines.append(line)
            sys.stderr.write(f"{line.what}: {line.value} {line.verdict}\n")
    sys.stdout.write(f"\nOne gateway process, sharing two cores:\n\n{table(lines)}\n")
    missed = [line.what.strip() for line in lines if line.is_met is False]
    sys.stdout.write(f"\nNOT MET: {'; '.join(missed)}\n" if missed else "\nEvery bar is met.\n")
    return bool(missed)


def _measure(here: Asked, seconds: float) -> Iterator[Line]:
    """Both sides of the first bar are taken by turns, so that they meet the same machine."""
    small = request("POST", here.url + RPC, here.headers, b'{"n":1}')
    rows = request("GET", here.url + READ, here.headers)
    direct, ours, through_client = [], [], []
    for _ in range(5):
        direct += _direct(here, seconds / 10)
        ours += _ask(here, small, 1, seconds / 10)
        through_client += _through_client(here, seconds / 10)
    bar = 3 * median(direct) + 1
    yield line_of_times("rpc, direct psycopg with role and claims", direct)
    yield line_of_times("rpc, one connection (3 x direct + 1 ms)", ours, at_most=round(bar, 2))
    yield line_of_times("rpc, supabase-py", through_client)
    yield _rate("small rpc", _ask(here, small, AT_ONCE, seconds), seconds, 1000)
    yield _rate("reads of 100 rows", _ask(here, rows, AT_ONCE, seconds), seconds, 800)
    for count in (200, 1000):
        body = json.dumps({"p_results": [RESULT] * count}).encode()
        large = request("POST", here.url + "/rest/v1/rpc/count_results", here.headers, body)
        what = f"rpc with {count} results, {len(body) // 1000} kB"
        yield line_of_times(what, _ask(here, large, 1, seconds / 3))
    yield _memory(here.memory())


def _ask(here: Asked, sent: bytes, connections: int, seconds: float) -> list[float]:
    return uvloop.run(keep_asking(here.url, sent, connections, seconds))


def _direct(here: Asked, seconds: float) -> list[float]:
    """What a program would do that has the database's password, with the same rights."""
    claims = json.dumps(here.claims)

    def once() -> None:
        with connection.transaction():
            connection.execute(BECOME, [claims])
            connection.execute(CALL, [1]).fetchone()

    with psycopg.connect(here.dsn, autocommit=True, prepare_threshold=2) as connection:
        return _again(once, seconds)


def _through_client(here: Asked, seconds: float) -> list[float]:
    with here.client() as client:
        return _again(client.rpc("next_number", {"n": 1}).execute, seconds)


def _again(once: object, seconds: float) -> list[float]:
    until, times = time.perf_counter() + seconds, []
    while time.perf_counter() < until:
        times.append(timed(once))  # type: ignore[arg-type]
    return times


def _rate(what: str, times: list[float], seconds: float, at_least: int) -> Line:
    rate = len(times) / seconds
    told = f"{p95(times):.2f} ms"
    bar = f">= {at_least}/s"
    return Line(f"{what}, {AT_ONCE} connections", f"{rate:.0f}/s", told, bar, rate >= at_least)


def _memory(megabytes: float) -> Line:
    return Line("memory afterwards", f"{megabytes:.0f} MB", "", "<= 80 MB", megabytes <= 80)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="per measure")
    parser.add_argument("--quick", action="store_true", help="shows that it runs, no more")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.seconds = 0.2
    return wanted


if __name__ == "__main__":
    sys.exit(main())
