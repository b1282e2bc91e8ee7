"""This file is where one child process is started, asked whether it is usable, and ended."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from local.account import Account

ROOT = Path(__file__).parent.parent
LARGEST_LOG = 5 * 1024 * 1024
LONGEST_LINE = 300
SETTLED_SECONDS = 2.0


class Part(Protocol):
    """What the supervisor keeps running: PostgreSQL, or a Python child."""

    name: str
    log: Path

    def launch(self) -> None:
        """Starts the process and returns at once."""

    def alive(self) -> bool:
        """True while the process runs."""

    def ready(self) -> bool:
        """True when it can be used."""

    def stop(self) -> None:
        """Ends it in order; returns when it is gone."""

    def kill(self) -> None:
        """Ends it at once; returns when it is gone."""

    def last_words(self) -> str:
        """Why it ended, from its log."""


@dataclass
class Child:
    """A Python process of ours; `health` is an address that answers 200 when it can be used."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    log: Path
    health: str = ""
    stop_seconds: float = 4
    _process: "subprocess.Popen[bytes] | None" = None
    _launched_at: float = 0.0

    def launch(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C reaches only the supervisor."""
        shorten(self.log)
        self._launched_at = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                Account().command(sys.executable, *self.arguments, signal="SIGKILL"),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, 0 when it was never started."""
        return self._process.pid if self._process else 0

    def alive(self) -> bool:
        """True while the process runs; a dead one is reaped."""
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        """True when its health address answers 200; without one, when it has lasted a while."""
        if not self.alive():
            return False
        if not self.health:
            return time.monotonic() - self._launched_at > SETTLED_SECONDS
        return answers(self.health)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after `stop_seconds`."""
        if self._process is not None:
            end(self._process, (signal.SIGTERM, self.stop_seconds))

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            end(self._process)

    def last_words(self) -> str:
        """How it ended, and the last line of its log where it had the time to write one."""
        code = self._process.returncode if self._process else None
        if code is not None and code < 0:
            return killed_by(code)
        how = "still running" if code is None else f"exit code {code}"
        return f"{how}; its log {self.log} ends: {last_line(self.log)}".removesuffix(" ends: ")


def end(process: "subprocess.Popen[bytes]", *requests: tuple[signal.Signals, float]) -> None:
    """Asks by each signal and waits so many seconds for it, then kills; returns when it is gone."""
    for kind, seconds in requests:
        process.send_signal(kind)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    process.wait()


def answers(address: str) -> bool:
    """True when a GET of `address` gives 200."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def killed_by(code: int) -> str:
    """A negative return code in words."""
    return f"killed by {signal.Signals(-code).name}"


def shorten(log: Path) -> None:
    """Puts aside what a log has grown large with, also while it is written; one old one is kept."""
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        shutil.copy(log, log.with_name(f"{log.name}.old"))
        # Who writes it only ever adds to its end, wherever that is.
        os.truncate(log, 0)


def last_line(log: Path) -> str:
    """The last line of `log` that says something."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip()[:LONGEST_LINE] for line in reversed(lines) if line.strip()), "")
