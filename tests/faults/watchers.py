"""This file is where fifty people look at the dashboard while the worker is busy."""

import asyncio
import json
import math
import secrets
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from bench._watched import sign_in
from tests.builders import Row
from tests.faults.judge import Verdict
from tests.faults.kills import wait_and_judge
from tests.faults.nest import ROOT
from tests.faults.town import KEY, Town, answering, start
from tests.running import free_port

VIEWERS = 50
MOST_LOST = 0.05
SLOWEST_MS = 500
SECONDS = 5.0
# Tabs begin to look within two seconds; others come to the worker over a whole stretch.
SETTLING_SECONDS = 2.0
COMING_SECONDS = SECONDS + SETTLING_SECONDS
WARMING_STRETCHES = 2
# So many seconds' work waits, or so many contacts where the pages' rates bound nothing.
WAITING_SECONDS, MOST_WAITING = 20, 1200
LEAST_PAIRS, MOST_PAIRS = 6, 15
# One-sided, 97.5 %, of Student's distribution with one less than so many pairs.
STUDENT = {6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262} | {
    **{11: 2.228, 12: 2.201, 13: 2.179, 14: 2.160, 15: 2.145}
}


@dataclass
class Measured:
    """Pairs of stretches side by side, in the order of time."""

    ratios: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    tabs: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)

    def bounds(self) -> tuple[float, float, float]:
        """The ratio of send rates, watched to unwatched: at least, on average, at most."""
        logs = [math.log(ratio) for ratio in self.ratios]
        mean = statistics.mean(logs)
        wide = STUDENT[len(logs)] * statistics.stdev(logs) / math.sqrt(len(logs))
        return math.exp(mean - wide), math.exp(mean), math.exp(mean + wide)

    def is_clear(self) -> bool:
        """Whether it is known on which side of the bar the ratio is."""
        if len(self.ratios) < LEAST_PAIRS:
            return False
        low, _, high = self.bounds()
        return low >= 1 - MOST_LOST or high < 1 - MOST_LOST

    def tell(self, verdict: Verdict) -> None:
        """Says what was measured, and what is wrong with it; not knowing is wrong, too."""
        low, ratio, high = self.bounds()
        times = sorted(self.times)
        middle, p95 = (times[int(len(times) * part)] for part in (0.5, 0.95))
        verdict.ends[
            f"{len(times)} polls, p50 {middle:.0f} ms, p95 {p95:.0f} ms; watched, it sends"
            f" {ratio:.3f} times ({low:.3f} to {high:.3f}, {len(self.ratios)} pairs) as fast as"
            f" {statistics.mean(self.alone):.1f} a second; the tabs take"
            f" {statistics.mean(self.tabs):.1%} of a core"
        ] = 0
        if high < 1 - MOST_LOST:
            verdict.wrong.append(f"watched, it sends {ratio:.3f} times as fast")
        elif low < 1 - MOST_LOST:
            verdict.wrong.append(
                f"NOT JUDGED: {low:.3f} to {high:.3f} has {1 - MOST_LOST} in it after"
                f" {len(self.ratios)} pairs: others use this machine. Run it alone"
            )
        if p95 > SLOWEST_MS:
            verdict.wrong.append(f"p95 of a poll is {p95:.0f} ms")


async def watch(town: Town, pages: int, rate: int, seen: int) -> tuple[int, Verdict]:
    """Watched and unwatched by turns: neither a poll nor sending may become slow by the other.

    `rate` is what each of the pages may send a minute, and the tabs are shared by `seen` of their
    automations. Pairs are side by side and change their order, so that what drifts evenly cancels;
    there are as many as it takes to know the answer.
    """
    before, town.owner = town.owner, town.world.user(f"watcher{secrets.token_hex(4)}@example.com")
    rules = town.rules(pages, rate=rate)
    town.owner, owner = before, town.owner
    async with _dashboard(town) as url:
        cookie = await asyncio.to_thread(
            sign_in, SimpleNamespace(dashboard_url=url), owner["email"]
        )
        names = [str(rules[number % seen]["id"]) for number in range(VIEWERS)]
        with _tabs({"url": url, "cookie": cookie, "rules": names}) as tabs:
            # Past the gates of other cells: their time would be the worker's.
            await town.hand(
                30,
                SUPABASE_URL=town.gateway_url,
                GOOGLE_BASE_URL=town.facebook.google_url,
                FACEBOOK_GRAPH_URL=town.facebook.graph_url,
            )
            waiting = int(min(pages * rate / 60 * WAITING_SECONDS, MOST_WAITING))
            measured = await _measure(town, rules, tabs, waiting)
            verdict = await wait_and_judge(town, rules)
            verdict.wrong += _differences(town, await asyncio.to_thread(tabs, "shown"))
    measured.tell(verdict)
    return len(measured.times), verdict


async def _measure(town: Town, rules: list[Row], tabs: "Tabs", waiting: int) -> Measured:
    """As many pairs as it takes, while so many contacts wait for the worker."""
    measured = Measured()
    for _ in range(WARMING_STRETCHES):
        _feed(town, rules, waiting)
        await asyncio.to_thread(tabs, COMING_SECONDS)
    while not measured.is_clear() and len(measured.ratios) < MOST_PAIRS:
        spans = {}
        for is_watched in (True, False) if len(measured.ratios) % 2 else (False, True):
            _feed(town, rules, waiting)
            looking = asyncio.create_task(_look(tabs, is_watched, measured))
            await asyncio.sleep(SETTLING_SECONDS)
            began = datetime.now(UTC)
            await asyncio.sleep(SECONDS)
            spans[is_watched] = (began.isoformat(), datetime.now(UTC).isoformat())
            await looking
        everything = await asyncio.to_thread(town.facebook.messages)
        rates = {key: _rate(everything, *span) for key, span in spans.items()}
        measured.ratios.append(rates[True] / rates[False])
        measured.alone.append(rates[False])
    return measured


async def _look(tabs: "Tabs", is_watched: bool, measured: Measured) -> None:
    if is_watched:
        answer = await asyncio.to_thread(tabs, COMING_SECONDS)
        measured.times += answer["times"]
        measured.tabs.append(answer["share"])


def _rate(everything: list[dict[str, str]], began: str, ended: str) -> float:
    """Messages a second, page by page from its first to its last.

    What a stretch cuts off of a page's steps, which are longer than a second, does not count.
    """
    pages = defaultdict(list)
    for message in everything:
        if began <= message["received_at"] < ended:
            at = datetime.fromisoformat(message["received_at"])
            pages[message["page_id"]].append(at.timestamp())
    return sum(
        (len(times) - 1) / (max(times) - min(times)) for times in pages.values() if len(times) > 1
    )


def _feed(town: Town, rules: list[Row], waiting: int) -> None:
    """So many are waiting or come within a stretch, one after the other."""
    ids = [rule["id"] for rule in rules]
    [there] = town.rows(WAITING, ids)
    town.queue(rules, max(waiting - there["contacts"], 0), held=True)
    town.rows(COME, COMING_SECONDS, ids)


WAITING = """
select count(*) as contacts from public.ai_automation_contact_states
where rule_id = any(%s) and current_stage in ('queued', 'eligible', 'ready_to_send')
"""
COME = """
update public.ai_automation_contact_states
set due_at = now() + random() * make_interval(secs => %s)
where
    rule_id = any(%s) and current_stage = 'queued' and due_at > now() + interval '30 minutes'
returning id
"""
THERE = """
select id, current_stage::text as stage from public.ai_automation_contact_states
where rule_id = %s
"""


def _differences(town: Town, shown: list[dict[str, Any]]) -> Iterator[str]:
    """What a tab that has been told only changes shows and the tables do not have."""
    for rule in {tab["rule"] for tab in shown}:
        stages = {str(row["id"]): row["stage"] for row in town.rows(THERE, rule)}
        counts = Counter(stages.values())
        for tab in (tab for tab in shown if tab["rule"] == rule):
            if tab["stages"] != counts:
                yield f"a tab shows {tab['stages']}, but there are {dict(counts)}"
            if wrong := [each for each in tab["cards"].items() if each not in stages.items()]:
                yield f"a tab lists {wrong[:3]}, which is not so"


Tabs = Callable[[float | str], Any]


@contextmanager
def _tabs(told: dict[str, Any]) -> Iterator[Tabs]:
    """Fifty tabs in a process of their own, for as long as the block lasts; call to ask it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.tabs"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    to, near = process.stdin, process.stdout

    def tell(what: Any) -> None:
        to.write(json.dumps(what) + "\n")
        to.flush()

    def ask(what: float | str) -> Any:
        tell(what)
        return json.loads(near.readline())

    try:
        tell(told)
        yield ask
    finally:
        process.kill()
        process.communicate()


@asynccontextmanager
async def _dashboard(town: Town) -> AsyncIterator[str]:
    """The address of one that people can sign in to, for as long as the block lasts."""
    port = free_port()
    process = start(
        *(town.home, "app", "--only-dashboard"),
        SUPABASE_URL=town.gateway_url,
        SUPABASE_PUBLISHABLE_KEY="sb_publishable_town",
        TOKEN_ENCRYPTION_KEY=KEY,
        SESSION_SECRET=secrets.token_urlsafe(32),
        DASHBOARD_PORT=str(port),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await answering(f"{url}/readyz", lambda: None)
        yield url
    finally:
        process.kill()
        process.wait(timeout=10)
