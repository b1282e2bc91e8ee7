"""This file is where PostgreSQL runs in a place of its own: on a full disk, under another clock."""

import asyncio
import os
import subprocess
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from tempfile import mkdtemp

from local.cluster import ENVIRONMENT
from tests.faults import clocks
from tests.faults.judge import Verdict, left_out
from tests.faults.kills import feed, wait_and_judge
from tests.faults.town import Town, build

ROOM = "500m"
NOT_ROOT = "not run: only root can make a small disk"
BLOCK = b"\0" * 65_536


async def fill_disk(_: Town, times: int) -> tuple[int, Verdict]:
    """Nothing can be written while two workers are busy; then there is room again."""
    if os.geteuid() != 0:
        return left_out(NOT_ROOT)
    disk = Path(mkdtemp(prefix="stagelight-disk-"))
    disk.chmod(0o755)
    await asyncio.to_thread(
        subprocess.run, ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", disk], check=True
    )
    try:
        async with build(place=disk) as town:
            return await _fill(town, disk / "ballast", times)
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", disk], check=True)
        disk.rmdir()


async def _fill(town: Town, ballast: Path, times: int) -> tuple[int, Verdict]:
    rules = town.rules(10)
    town.queue(rules, 400)
    for _ in range(2):
        await town.hand()
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    stopped = full = 0
    for _ in range(times):
        await asyncio.sleep(2)
        feeding.cancel()
        fill(ballast)
        full += disk_usage(ballast).free < 16 * len(BLOCK)
        await asyncio.sleep(6)
        ballast.unlink()
        # Without room for its log PostgreSQL ends, as `make run` then starts it again.
        if not town.cluster.alive():
            stopped += 1
            await asyncio.to_thread(town.cluster.start)
        town.reconnect()
        town.queue(rules, 200)
        feeding = asyncio.create_task(feed(town, rules, closed=False))
    feeding.cancel()
    verdict = await wait_and_judge(town, rules, 90)
    verdict.want(full, times, "times the disk was full")
    verdict.ends[f"PostgreSQL ended {stopped} times for want of room"] = 0
    return times, verdict


def fill(ballast: Path) -> None:
    """Writes until nothing more goes on the disk."""
    with ballast.open("wb", buffering=0) as output:
        try:
            while output.write(BLOCK):
                pass
        except OSError:
            return


async def far_clock(_: Town) -> tuple[int, Verdict]:
    """The database lives a month ahead of everybody else: its clock is the one that counts."""
    library = clocks.library()
    if library is None:
        return left_out(clocks.NOT_RUN)
    fake = {"LD_PRELOAD": str(library), "FAKETIME": "+30d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    async with AsyncExitStack() as stack:
        # What a server of ours finds around it; undone before the next cell.
        stack.callback(lambda: [ENVIRONMENT.pop(name) for name in fake])
        ENVIRONMENT.update(fake)
        town = await stack.enter_async_context(build())
        today = datetime.now(UTC)
        [ahead] = town.rows("select now() > %s + interval '29 days' as far", today)
        rules = town.rules(5)
        town.queue(rules, 100)
        for _ in range(2):
            await town.hand()
        verdict = await wait_and_judge(town, rules)
        if not ahead["far"]:
            verdict.wrong.append("the database's clock is not ahead")
        if verdict.ends["sent"] != verdict.contacts:
            verdict.wrong.append(f"not all were sent: {verdict.words}")
        return 1, verdict
