"""This file is where a database is upgraded under workers of before, and new ones come beside."""

import asyncio
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from local.bootstrap import MIGRATION, migrate
from tests.faults.judge import Verdict, left_out
from tests.faults.kills import feed, wait_and_judge
from tests.faults.nest import ROOT
from tests.faults.town import Town, build

NO_HISTORY = "not run: no git history here with a version of six hours before"
BEFORE = 6 * 3600
TRIES = 5
SENT_BY = """
select a.worker, count(*) as sent from public.ai_automation_attempts as a
where a.outcome = 'sent' and a.rule_id = any(%s)
group by a.worker
"""


def git(*words: str) -> str:
    """What git answers about this clone; empty where it cannot."""
    found = shutil.which("git")
    if found is None:
        return ""
    done = subprocess.run([found, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@contextmanager
def version_before() -> Iterator[Path | None]:
    """A work tree of the newest version that was six hours old when this one was made."""
    made_at = git("show", "-s", "--format=%ct", "HEAD")
    commit = made_at and git("rev-list", "-1", f"--before={int(made_at) - BEFORE}", "HEAD")
    if not commit:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="stagelight-before-") as folder:
        tree = Path(folder) / commit[:7]
        git("worktree", "add", "--detach", str(tree), commit)
        try:
            yield tree if (tree / "pipeline").exists() else None
        finally:
            git("worktree", "remove", "--force", str(tree))


async def old_and_new(_: Town) -> tuple[int, Verdict]:
    """Two workers of the version before on its database; it is upgraded, and two of today come."""
    with version_before() as tree:
        if tree is None:
            return left_out(NO_HISTORY)
        async with build(migration=tree / "sql" / MIGRATION.name) as town:
            return await _upgrade(town, tree)


async def _upgrade(town: Town, tree: Path) -> tuple[int, Verdict]:
    rules = town.rules(10)
    ids = [rule["id"] for rule in rules]
    town.queue(rules, 200)
    old = [await town.hand(30, PYTHONPATH=str(tree)) for _ in range(2)]
    feeding = asyncio.create_task(feed(town, rules, closed=False))
    await _until_sent(town, ids, 50)
    tries = 0
    while True:
        tries += 1
        try:
            await asyncio.to_thread(migrate, town.cluster.dsn())
            break
        except psycopg.Error:
            # It takes every table at once, or says that there was no pause and changes nothing.
            if tries == TRIES:
                raise
    before = _sent_by(town, ids)
    new = [await town.hand(30) for _ in range(2)]
    await _until_sent(town, ids, sum(before.values()) + 200)
    feeding.cancel()
    verdict = await wait_and_judge(town, rules)
    after = _sent_by(town, ids)
    beside = {
        "before": sum(after[hand.pid] - before[hand.pid] for hand in old),
        "today": sum(after[hand.pid] for hand in new),
    }
    words = ", ".join(f"{sent} by the version {which}" for which, sent in beside.items())
    verdict.ends[f"{tree.name}: {sum(before.values())} sent, then {words}"] = 0
    if not all(beside.values()):
        verdict.wrong.append(f"after the upgrade {words}")
    if verdict.ends["sent"] != verdict.contacts:
        verdict.wrong.append(f"not all were sent: {verdict.words}")
    return tries, verdict


def _sent_by(town: Town, ids: list[object]) -> Counter[int]:
    """How many each worker has sent, by its process id."""
    rows = town.rows(SENT_BY, ids)
    return Counter({int(row["worker"].split("-")[1]): row["sent"] for row in rows})


async def _until_sent(town: Town, ids: list[object], messages: int) -> None:
    async with asyncio.timeout(300):
        while sum(_sent_by(town, ids).values()) < messages:
            await asyncio.sleep(0.2)
