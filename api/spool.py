"""This file is where what Facebook told is on disk before it is answered, and until it is stored.

One directory for all receivers of a machine, one file at a time for each. A file belongs to whoever
holds its lock; that of a process that died is taken over by the next one that looks.
"""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.locks import lock

SUFFIX = ".events"
LARGEST_LINE = 16 * 1024 * 1024
# Of a body of 4 MB no so many events fill a line.
EVENTS_OF_A_LINE = 500
# Each holds a file descriptor.
ADOPTED_AT_ONCE = 16

Line = list[dict[str, Any]]
# No JSON: should a crash leave it there, it is passed over.
PROBE = b"\n"


class Spool:
    """Lines that were on disk before `add` returned; `closed_files` hands them on, file by file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._file: SpoolFile | None = None
        self._closed: list[SpoolFile] = []
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None
        self.arrived = asyncio.Event()

    async def add(self, events: Line) -> None:
        """Returns when the events would outlive a power cut. Raises OSError: nothing was kept."""
        parts = [
            events[at : at + EVENTS_OF_A_LINE] for at in range(0, len(events), EVENTS_OF_A_LINE)
        ]
        lines = b"".join(json.dumps(part).encode() + b"\n" for part in parts)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (lines, done)
        self._waiting.append(waiting)
        # A task of its own: a caller that gives up must not take the others' write with it.
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        try:
            await done
        except asyncio.CancelledError:  # answered 503: it comes again, and need not wait here
            with suppress(ValueError):
                self._waiting.remove(waiting)
            raise

    async def probe(self) -> None:
        """Returns when the disk has taken a byte, which is not kept. Raises OSError."""
        async with self._writing:
            if failure := await asyncio.to_thread(self._append, PROBE):
                raise OSError(failure.errno, failure.strerror)

    async def _flush(self) -> None:
        """Whoever comes while the disk is busy shares the next write."""
        async with self._writing:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                failure = await asyncio.to_thread(self._append, b"".join(line for line, _ in batch))
                for done in (done for _, done in batch if not done.done()):
                    if failure is None:
                        done.set_result(None)
                    else:
                        done.set_exception(OSError(failure.errno, failure.strerror))
        self.arrived.set()

    def _append(self, lines: bytes) -> OSError | None:
        try:
            if self._file is None:
                self._file = SpoolFile.make(self._directory)
            self._file.append(lines)
            if lines == PROBE:
                self._file.take_back(lines)
        except OSError as error:
            return error
        return None

    async def rotate(self) -> None:
        """From now on others than what is there so far are written to another file."""
        async with self._writing:
            # One at a time: while the database is away, one file grows instead of many being open.
            if self._file is not None and self._file.size and not self._closed:
                self._closed.append(self._file)
                self._file = None

    def adopt(self) -> int:
        """Takes over files of receivers that are gone, some at a time; returns how many."""
        if self._closed:
            return 0
        paths = sorted(self._directory.glob(f"*{SUFFIX}"))
        others = (path for path in paths if self._file is None or path != self._file.path)
        takeable = (file for path in others if (file := SpoolFile.take(path)) is not None)
        found = list(islice(takeable, ADOPTED_AT_ONCE))
        self._closed[:0] = found
        if found:
            self.arrived.set()
        return len(found)

    def next_closed(self) -> "SpoolFile | None":
        """The oldest file that nobody writes to any more."""
        return self._closed[0] if self._closed else None

    def drop(self, file: "SpoolFile") -> None:
        """Forgets a file whose lines are all stored elsewhere."""
        self._closed.remove(file)
        file.remove()

    @property
    def bytes(self) -> int:
        """How much waits on this disk, that of other receivers included."""
        total = 0
        for path in self._directory.glob(f"*{SUFFIX}"):
            with suppress(OSError):
                total += path.stat().st_size
        return total

    def close(self) -> None:
        """Leaves everything to the next receiver."""
        for file in (*self._closed, self._file):
            if file is not None:
                file.close()


class SpoolFile:
    """One file of lines, locked for as long as this process has it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor

    @classmethod
    def make(cls, directory: Path) -> "SpoolFile":
        """An empty file, whose name is on disk too. Raises OSError."""
        path = directory / f"{time.time_ns()}-{secrets.token_hex(4)}{SUFFIX}"
        # Under its name only when it is locked, so that nobody adopts it between the two.
        unlocked = path.with_suffix(".new")
        descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        lock(descriptor)
        unlocked.rename(path)
        folder = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls(path, descriptor)

    @classmethod
    def take(cls, path: Path) -> "SpoolFile | None":
        """The file, unless somebody has it or it is gone."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except OSError:
            return None
        try:
            lock(descriptor)
        except OSError:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink == 0:  # stored and removed while we waited for the lock
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def append(self, lines: bytes) -> None:
        """Writes whole lines or none. Raises OSError."""
        try:
            written = 0
            while written < len(lines):
                written += os.write(self._descriptor, lines[written:])
            os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(lines)

    def take_back(self, lines: bytes) -> None:
        """As if the last append had not been. Raises OSError."""
        self.size -= len(lines)
        os.ftruncate(self._descriptor, self.size)

    def lines(self) -> Iterator[Line]:
        """Every whole line; half a line was never answered for, so Facebook tells it again."""
        with self.path.open("rb") as file:
            while line := file.readline(LARGEST_LINE):
                try:
                    told = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    told = None
                if isinstance(told, list):
                    yield told

    def remove(self) -> None:
        """Deletes it, and lets go of it."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Lets another process have it."""
        os.close(self._descriptor)
