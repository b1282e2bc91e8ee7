"""This file is where the fault matrix is run, by `make faults`."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults import (
    between,
    clocks,
    crowd,
    cuts,
    deaths,
    interruptions,
    kills,
    lags,
    links,
    providers,
    room,
    slow,
    storm,
    versions,
    watchers,
)
from tests.faults.judge import Verdict
from tests.faults.quick import everything_once
from tests.faults.town import Town, build

Cell = Callable[[Town], Awaitable[tuple[int, Verdict]]]
LINE = "{:<44}{:>7}{:>9}{:>10}{:>6}{:>5}{:>6}{:>6}  {}\n"


def cells(quick: bool) -> dict[str, Cell]:
    """Every cell by its name, in the order they run; the quick one has a little of many."""
    if quick:
        return {"killed everywhere, PostgreSQL stopped": everything_once}
    chosen: dict[str, Cell] = {
        f"SIGKILL {side} {point}": partial(kills.kill_at, point=point, side=side, times=100)
        for point, side in kills.POINTS
    }
    chosen["poison contact"] = kills.poison
    chosen["PostgreSQL stopped hard"] = partial(interruptions.stop_database, times=10)
    return chosen | {
        "SIGKILL at random": partial(kills.kill_at_random, times=200),
        "answers of the database lost": partial(interruptions.cut_answers, times=60),
        "a bad link to PostgreSQL": partial(links.bad_link, times=3),
        "the kernel cuts workers off": partial(cuts.cut_workers, times=3),
        "the kernel cuts PostgreSQL off": partial(cuts.cut_gateway, times=2),
        "PostgreSQL lets nobody in": partial(links.no_connections, times=3),
        "no room left on the disk": partial(room.fill_disk, times=3),
        "SIGSTOP for 30 s, CONT": partial(interruptions.freeze, times=3, seconds=30),
        "SIGTERM at each call": partial(interruptions.terminate, times=5),
        "SIGTERM twice": interruptions.terminate_twice,
        "dead workers noticed, leases of 30 s": partial(deaths.die, workers=8),
        "somebody steps in between": between.step_in,
        "every fault of the AI": providers.google,
        "every fault of Facebook for a contact": providers.facebook,
        "every fault of Facebook for a page": providers.pages,
        "conversations that lag": lags.late_threads,
        "both providers away for ten minutes": partial(crowd.outage, seconds=600),
        "a slow page and a slow model, and others": partial(slow.hold_up_nobody, people=30),
        "a storm of failing calls": partial(storm.retry_storm, calls=1000),
        "a storm of few failing calls": partial(storm.retry_storm, calls=200, each_second=2),
        "workers whose clocks are wrong by hours": clocks.wrong_clocks,
        "PostgreSQL's clock a month ahead": room.far_clock,
        "two schedulers": partial(crowd.two_schedulers, slots=300),
        "four workers, 10 messages a second": partial(crowd.keep_the_rate, seconds=20),
        "a page at 80 % of Facebook's limits": partial(crowd.slow_down, seconds=20),
        "100,000 contacts waiting": partial(crowd.backlog, contacts=100_000),
        "fifty dashboards, worker busy": partial(watchers.watch, pages=30, rate=60, seen=10),
        "old and new workers on one database": versions.old_and_new,
    }


async def run(chosen: dict[str, Cell]) -> bool:
    """Runs the cells one after the other in one town; True when every promise was kept."""
    left_out = 0
    heads = ("cell", "events", "contacts", "delivered", "twice", "lost", "stuck", "s", "ends")
    sys.stdout.write(LINE.format(*heads))
    good = True
    async with build() as town:
        for name, cell in chosen.items():
            started = time.monotonic()
            try:
                events, verdict = await cell(town)
                verdict.want_everything(events)
            except Exception as error:
                # One cell must not hide the others.
                events, verdict = 0, Verdict(wrong=[f"{type(error).__name__}: {error}"])
                await town.dismiss()
                town.facebook.reset()
            row = (events, verdict.contacts, verdict.delivered, verdict.twice, verdict.lost,
                   verdict.stuck, round(time.monotonic() - started), verdict.words)  # fmt: skip
            sys.stdout.write(LINE.format(name, *row))
            for wrong in verdict.wrong[:8]:
                sys.stdout.write(f"    WRONG: {wrong}\n")
            sys.stdout.flush()
            good = good and not verdict.wrong
            left_out += verdict.not_run
    if left_out:
        sys.stdout.write(f"NOT RUN on this machine: {left_out} of {len(chosen)}\n")
    return good


def main() -> int:
    """0 when every promise was kept, otherwise 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the subset that normal tests run")
    parser.add_argument("--only", default="", metavar="WORDS", help="cells whose name has these")
    given = parser.parse_args()
    chosen = {name: cell for name, cell in cells(given.quick).items() if given.only in name}
    return 0 if asyncio.run(run(chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
