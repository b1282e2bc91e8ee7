"""This file is where unit and database tests are shared out between this process and a second.

The second is forked when all tests are collected, so that nothing is imported twice. Each process
takes the next file whenever it is done with one, and has a PostgreSQL of its own. What the second
finds is told here, file by file, as if it had been found here (docs/decisions/0047).
"""

import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import pytest

from tests import ports

SHARED = ("database", "unit")
# A second PostgreSQL takes a second or two to start.
FEWEST_FILES = 20
LOOKED_AT = ("collectonly", "maxfail", "usepdb", "trace", "setupshow", "setuponly", "setupplan")
DONE, BROKEN = "done", "broken"

Tests = list[pytest.Item]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Runs the shared files in two processes, and then all others here, one after another."""
    files, others = shared_files(session.items, session.config.rootpath / "tests")
    if len(files) < FEWEST_FILES or session.testsfailed or not may_fork(session.config):
        return None
    with tempfile.NamedTemporaryFile("w") as told:
        run_in_two(session, files, others[0] if others else None, told)
    run(session, others, None)
    return True


def run_in_two(
    session: pytest.Session, files: list[Tests], last: pytest.Item | None, told: IO[str]
) -> None:
    """Runs the files, before `last`; `told` is where the second process writes."""
    queue = Queue(len(files))
    pid = os.fork()
    if not pid:
        be_second(session, files, queue, told)
    second, ours = Second(session.config, pid, Path(told.name)), []
    try:
        for number in run_files(session, files, queue, last):
            ours.append(number)
            second.tell()
    finally:
        second.end()
    second.tell()
    assert sorted([*ours, *second.done]) == list(range(len(files))), "some file was not run"


def shared_files(items: Tests, root: Path) -> tuple[list[Tests], Tests]:
    """The tests of each shared file, databases first because they take longer; and the others."""
    found: dict[str, list[Tests]] = {name: [] for name in SHARED}
    others: Tests = []
    for path, tests in groupby(items, key=lambda item: item.path):
        if path.parent.parent == root and path.parent.name in found:
            found[path.parent.name].append(list(tests))
        else:
            others.extend(tests)
    return [file for files in found.values() for file in files], others


def may_fork(config: pytest.Config) -> bool:
    """False where somebody looks on, and where there is but one processor."""
    looked_at = any(config.getoption(name) for name in LOOKED_AT)
    on_screen = config.getoption("capture") == "no"
    alone = threading.active_count() == 1 and hasattr(os, "sched_getaffinity")
    return alone and len(os.sched_getaffinity(0)) > 1 and not looked_at and not on_screen


class Queue:
    """Numbers from 0 on, each of which goes to one of the two processes."""

    def __init__(self, numbers: int) -> None:
        self._left, write = os.pipe()
        for number in range(numbers):
            os.write(write, number.to_bytes(2))
        os.close(write)

    def take(self) -> int | None:
        """The next number, or None."""
        taken = os.read(self._left, 2)
        return int.from_bytes(taken) if taken else None


def run_files(
    session: pytest.Session, files: list[Tests], queue: Queue, last: pytest.Item | None
) -> Iterator[int]:
    """Runs files as long as there are any, before `last`; the number of each that is done."""
    number = queue.take()
    while number is not None:
        # What files share is torn down when no other follows, so pytest must be told which does.
        following = queue.take()
        run(session, files[number], last if following is None else files[following][0])
        yield number
        number = following


def run(session: pytest.Session, tests: Tests, last: pytest.Item | None) -> None:
    """As pytest's own loop does."""
    for number, item in enumerate(tests, 1):
        following = tests[number] if number < len(tests) else last
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)


class Teller:
    """Writes down what pytest would tell, in the second process."""

    def __init__(self, config: pytest.Config, told: IO[str]) -> None:
        self._config, self._told = config, told

    def tell(self, kind: str, **what: Any) -> None:
        """One line, which is there as soon as this returns."""
        self._told.write(f"{json.dumps([kind, what])}\n")
        self._told.flush()

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int, str]) -> None:
        self.tell("pytest_runtest_logstart", nodeid=nodeid, location=location)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        written = self._config.hook.pytest_report_to_serializable
        self.tell("pytest_runtest_logreport", report=written(config=self._config, report=report))

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int, str]) -> None:
        self.tell("pytest_runtest_logfinish", nodeid=nodeid, location=location)


def be_second(session: pytest.Session, files: list[Tests], queue: Queue, told: IO[str]) -> None:
    """Runs files and ends this process, whatever happens."""
    teller = Teller(session.config, told)
    try:
        keep_apart(session.config)
        session.config.pluginmanager.register(teller)
        for number in run_files(session, files, queue, None):
            teller.tell(DONE, number=number)
        # What pytest does at its end, too: what was never closed is an error.
        session.config._ensure_unconfigure()
    except BaseException:
        session._setupstate.teardown_exact(None)
        teller.tell(BROKEN, how=traceback.format_exc())
    finally:
        os._exit(0)


def keep_apart(config: pytest.Config) -> None:
    """What two processes must not share: the screen, what was printed, and ports."""
    plugins = config.pluginmanager
    plugins.unregister(name="terminalreporter")
    capture: Any = plugins.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    ports.move_out()


@dataclass
class Second:
    """The second process, as the first one sees it."""

    config: pytest.Config
    pid: int
    told: Path
    done: list[int] = field(default_factory=list)
    _read: int = 0
    _untold: list[tuple[str, Any]] = field(default_factory=list)

    def tell(self) -> None:
        """Tells what it has found in files that it is done with."""
        with self.told.open() as lines:
            lines.seek(self._read)
            while (line := lines.readline()).endswith("\n"):
                self._read = lines.tell()
                self._hear(*json.loads(line))

    def _hear(self, kind: str, what: dict[str, Any]) -> None:
        if kind == BROKEN:
            raise RuntimeError(f"The second process of this run has ended:\n{what['how']}")
        if kind != DONE:
            self._untold.append((kind, what))
            return
        self.done.append(what["number"])
        for name, told in self._untold:
            getattr(self.config.hook, name)(**self._read_back(told))
        self._untold.clear()

    def _read_back(self, told: dict[str, Any]) -> dict[str, Any]:
        if "report" not in told:
            return told
        read = self.config.hook.pytest_report_from_serializable
        report = read(config=self.config, data=told["report"])
        if isinstance(
            report.longrepr, list
        ):  # where and why a test was skipped; JSON has no tuples
            report.longrepr = tuple(report.longrepr)
        return {"report": report}

    def end(self) -> None:
        """Waits for it; a run that breaks off does not leave it behind."""
        if sys.exc_info()[0]:
            os.kill(self.pid, signal.SIGINT)
        os.waitpid(self.pid, 0)
