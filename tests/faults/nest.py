"""This file is where workers hatch quickly: one process imports `python -m pipeline` and forks.

A worker made here runs the same `main()` as a started one, has a pid of its own and can be killed
by it; only the interpreter's start, which takes a second, is saved.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.island import enter

ROOT = Path(__file__).parents[2]


class Nest:
    """Forks workers; the caller kills them by pid and asks here how they ended."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nest", str(log)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hatch(self, environment: dict[str, str]) -> int:
        """A new worker with exactly these variables; returns its pid."""
        return int(self._ask({"hatch": environment}))

    def ended(self, pid: int) -> int | None:
        """The return code, minus the signal's number if it was killed; None while alive."""
        code = self._ask({"ended": pid})
        return None if code == "None" else int(code)

    def close(self) -> None:
        """Ends the nest; workers are the caller's to end before."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)

    def _ask(self, question: dict[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def main() -> None:
    """Answers one question a line."""
    import pipeline.__main__  # noqa: F401 - so that what is forked has it

    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    codes: dict[int, int] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "hatch" in question:
            answer: object = hatch(question["hatch"], log)
            # The system gives a number out again, after thousands of others.
            codes.pop(int(str(answer)), None)
        else:
            answer = look(question["ended"], codes)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def hatch(environment: dict[str, str], log: int) -> int:
    """The pid of a fork that runs `python -m pipeline`."""
    pid = os.fork()
    if pid:
        return pid
    from pipeline.__main__ import main as work

    nothing = os.open(os.devnull, os.O_RDWR)
    for number, target in ((0, nothing), (1, nothing), (2, log)):
        os.dup2(target, number)
    if island := environment.pop("ISLAND", ""):
        enter(island)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        is_ours = environment["PYTHONPATH"] == str(ROOT)
        if "LD_PRELOAD" in environment or not is_ours:
            # A library can only be put before a program that starts; another version is one.
            os.chdir(environment["PYTHONPATH"])
            os.execve(sys.executable, [sys.executable, "-m", "pipeline"], environment)  # noqa: S606
        os._exit(work())
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(70)


def look(pid: int, codes: dict[int, int]) -> int | None:
    """How the fork ended, or None."""
    if pid not in codes:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        codes[pid] = os.waitstatus_to_exitcode(status)
    return codes[pid]


if __name__ == "__main__":
    main()
