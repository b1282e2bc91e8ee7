"""This file is where workers' own clocks are wrong by hours, or are set while they work."""

import asyncio
import time
from pathlib import Path

from tests.faults.judge import Verdict, left_out
from tests.faults.kills import wait_and_judge
from tests.faults.town import Town

PLACES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
NOT_RUN = "not run: this machine has no libfaketime (Debian: apt-get install libfaketime)"
EACH = 20
LONGEST_SECONDS = 60.0
BEATS = """
select count(*) as workers
from public.ai_automation_workers as w where w.stopped_at is null and w.beat_at > %s
"""


def library() -> Path | None:
    """What gives a process a clock of its own, if this machine has it."""
    return next(iter(sorted(Path("/").glob(PLACES[1:]))), None)


async def wrong_clocks(town: Town) -> tuple[int, Verdict]:
    """One is ahead, one behind, one is set back and then forward again while it works."""
    found = library()
    if found is None:
        return left_out(NOT_RUN)
    moved = town.home / "clock"
    moved.write_text("+0")
    fake = {"LD_PRELOAD": str(found), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    log_began = town.log_length()
    rules = town.rules(3)
    # Threads that cannot be read at first: how long to go on asking is a matter of hours.
    town.facebook.fault("facebook", "accept-then-error", times=EACH)
    town.facebook.fault("facebook", "bad-gateway", call="read", times=EACH)
    town.queue(rules, 3 * EACH)
    for shift in ("+5h", "-5h"):
        await town.hand(FAKETIME=shift, **fake)
    await town.hand(FAKETIME_TIMESTAMP_FILE=str(moved), FAKETIME_NO_CACHE="1", **fake)
    unheard = []
    for shift in ("+0", "-5h", "+5h"):
        moved.write_text(shift)
        town.queue(rules, EACH)
        if not await _all_beat(town, 3):
            unheard.append(shift)
    verdict = await wait_and_judge(town, rules)
    # Forward and back, as the third of them saw it.
    set_clocks = sum(line["event"] == "clock was set" for line in town.lines(log_began))
    verdict.want(set_clocks, 2, "jumps of a clock were seen")
    if left := town.facebook.faults():
        verdict.wrong.append(f"{len(left)} faults were met by no call")
    town.facebook.reset()
    if unheard:
        verdict.wrong.append(f"a worker stopped beating when its clock was set: {unheard}")
    if verdict.ends["sent"] != verdict.contacts:
        verdict.wrong.append(f"not all were sent: {verdict.words}")
    return 4, verdict


async def _all_beat(town: Town, workers: int) -> bool:
    """Whether all of them say soon that they live."""
    [now] = town.rows("select now() as moment")
    deadline = time.monotonic() + LONGEST_SECONDS
    while town.rows(BEATS, now["moment"])[0]["workers"] < workers:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)
    return True
