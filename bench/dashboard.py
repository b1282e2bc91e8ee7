"""This file is where the live monitor's speed is measured: `python -m bench.dashboard --help`."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench._browsing import tab
from bench._timing import Line, p95, table
from bench._viewers import Viewer, crowd
from bench._watched import Watched, watched

TICKS_OF_EIGHT_HOURS = 15_000


def main() -> int:
    """0 when every bar is met."""
    wanted = _arguments()
    lines = []
    with watched() as here:
        for line in _measure(here, wanted.seconds, wanted.ticks):
            lines.append(line)
            sys.stderr.write(f"{line.what}: {line.value} {line.verdict}\n")
    sys.stdout.write(f"\nThe live monitor with 100 contacts:\n\n{table(lines)}\n")
    missed = [line.what.strip() for line in lines if line.is_met is False]
    sys.stdout.write(f"\nNOT MET: {'; '.join(missed)}\n" if missed else "\nEvery bar is met.\n")
    return bool(missed)


def _measure(here: Watched, seconds: float, ticks: int) -> Iterator[Line]:
    yield from asyncio.run(bytes_per_tick(here))
    yield asyncio.run(server_time(here, polls=int(seconds * 20)))
    yield asyncio.run(queries(here, seconds))
    yield from latencies(asyncio.run(crowd(here, 200, seconds)))
    with tab(here) as browser:
        browser.work_per_tick(2)  # the first ones also compile
        script, task = browser.work_per_tick(max(int(seconds / 2), 2))
        yield at_most("browser: script per tick, 5 of 100 cards move", script, 15, "ms")
        yield at_most("browser: main thread per tick", task, 60, "ms")
        shown = browser.seconds_to_screen(int(seconds * 3))
        yield _seconds("committed to painted", shown, 2.3)
        presses = int(seconds * 5)
        lost = browser.lost_presses(presses)
        yield Line(f"presses lost of {presses} held across a tick", str(lost), "", "0", lost == 0)
        yield _growth(f"tab's memory after {ticks} ticks", browser.memory_growth(ticks))
    yield _growth(f"server's memory after {ticks} ticks", asyncio.run(server_growth(here, ticks)))


async def bytes_per_tick(here: Watched) -> list[Line]:
    """Bodies before compression, Dash's envelope included."""
    viewer = Viewer(here)
    await viewer.ask()
    await viewer.ask()
    moved = []
    for _ in range(10):
        here.move(5)
        await asyncio.sleep(0.9)
        await viewer.ask(now=True)
        moved.append(viewer.sizes[-1])
    first, idle = viewer.sizes[:2]
    viewer.leave()
    return [
        at_most("bytes of a tick: nothing changed", idle, 400, "B"),
        at_most("bytes of a tick: five moves (largest of 10)", max(moved), 3000, "B"),
        at_most("bytes of a tick: first 100 cards", first, 30_000, "B"),
    ]


async def server_time(here: Watched, polls: int) -> Line:
    """The dashboard process's own time, as the kernel counts it, per poll that finds no change."""
    viewer, process = Viewer(here), here.dashboard_pid()
    await viewer.ask()
    before = spent(process)
    for _ in range(polls):
        await viewer.ask()
    viewer.leave()
    taken = (spent(process) - before) * 1000 / polls
    return at_most(f"server's time per idle tick, over {polls}", taken, 5, "ms")


async def queries(here: Watched, seconds: float) -> Line:
    """How often the database is read for a hundred viewers, as a multiple of one."""
    counts = []
    for viewers in (1, 100):
        before = here.snapshots()
        await crowd(here, viewers, seconds)
        await asyncio.sleep(1)  # the database tells its statistics late
        counts.append(here.snapshots() - before)
    one, hundred = counts
    text = f"{hundred} : {one}"
    return Line(
        "snapshots read, 100 viewers : 1 viewer", text, "", "<= 1.2 x", hundred <= 1.2 * one
    )


def latencies(times: list[float]) -> list[Line]:
    """Of 200 viewers of one process."""
    high = p95(times)
    value = f"{median(times):.0f} ms"
    return [
        Line("200 viewers: time of a poll", value, f"{high:.0f} ms", "p95 <= 500 ms", high <= 500)
    ]


async def server_growth(here: Watched, ticks: int) -> float:
    """Memory of the dashboard after `ticks` polls, every 20th of which sees a change."""
    viewer, process = Viewer(here), here.dashboard_pid()
    early = 0
    for tick in range(ticks):
        if tick % 20 == 0:
            here.move(1)
        if tick == ticks // 10:
            early = resident(process)
        await viewer.ask(now=tick % 20 == 0)
    viewer.leave()
    return resident(process) / early


def spent(process: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> int:
    """Bytes in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def at_most(what: str, value: float, most: float, unit: str) -> Line:
    """A number that may not exceed its bar."""
    shown = f"{value:,.0f}" if unit == "B" else f"{value:.1f}"
    return Line(what, f"{shown} {unit}", "", f"<= {most:,g} {unit}", value <= most)


def _seconds(what: str, times: list[float], most: float) -> Line:
    high = p95(times)
    return Line(what, f"{median(times):.2f} s", f"{high:.2f} s", f"p95 <= {most} s", high <= most)


def _growth(what: str, ratio: float) -> Line:
    return Line(what, f"{(ratio - 1) * 100:+.1f} %", "", "+-10 %", ratio <= 1.1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=20, help="of each measurement with viewers"
    )
    parser.add_argument("--ticks", type=int, default=TICKS_OF_EIGHT_HOURS, help="for the memory")
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, no more")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.seconds, wanted.ticks = 4, 300
    wanted.started = time.time()
    return wanted


if __name__ == "__main__":
    sys.exit(main())
