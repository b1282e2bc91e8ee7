"""This file is where all local data goes into one file, and comes back from it."""

import datetime as dt
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from local.binaries import find_bin
from local.bootstrap import bootstrap
from local.errors import StartError
from local.home import RESTORING, Home
from local.ports import Claims
from local.postgres import Postgres

FIRST_PORT = 21080
REMOVE_SECONDS = 20
DUMP = "database.dump"
# Without them a restored database has tokens that nobody can open, and a password nobody knows.
KEYS = ("secrets.json", "jwt.json")
# What a receiver was told and the database does not have yet (api/spool.py).
SPOOL, SPOOLED = "receiver", "*.events"
DATABASE = "postgres"
# What `open` makes; whoever restores has nothing else in the directory.
OURS = {"logs", "stack.lock"}
MADE = ("postgres", "postgres.unfinished", "initdb-password", "passwords.json", SPOOL, *KEYS)


def backup(home: Home, app_pg_bin: str, file: Path) -> None:
    """Writes `file` (0600), also while the stack runs; raises StartError."""
    if file.exists():
        raise StartError(f"{file} exists already; nothing was written.")
    bin_dir = find_bin(app_pg_bin)
    with _running(home, bin_dir) as dsn, tempfile.TemporaryDirectory() as directory:
        # Before the database: what is stored and removed meanwhile is in the dump then.
        spooled = _copy_spool(home, Path(directory))
        dump, taken = Path(directory) / DUMP, time.time()
        _run(bin_dir / "pg_dump", dsn, "--format=custom", "--create", f"--file={dump}")
        # The moment that is told after a restore: what happened while it was written is not in it.
        os.utime(dump, (taken, taken))
        unfinished = file.with_name(f".{file.name}.unfinished")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
            for path in (dump, *(home.path / name for name in KEYS)):
                if path.exists():
                    tar.add(path, path.name)
            for path in spooled:
                tar.add(path, f"{SPOOL}/{path.name}")
        unfinished.replace(file)


def _copy_spool(home: Home, directory: Path) -> list[Path]:
    """Copies of what waits; a half line at an end was never answered for, and is passed over."""
    copies = []
    for path in sorted((home.path / SPOOL).glob(SPOOLED)):
        with suppress(FileNotFoundError):
            copies.append(shutil.copyfile(path, directory / path.name))
    return copies


def restore(home: Home, app_pg_bin: str, file: Path) -> dt.datetime:
    """Fills an empty directory from `file`, or leaves it as it was; raises StartError.

    Tells when the backup was begun. Every automation is off: what went out since then would go
    out again, also to people who said STOP since.
    """
    _refuse_strangers(home)
    if not home.open():
        raise StartError("Stagelight runs here. Stop it first (Ctrl-C); nothing was changed.")
    try:
        return _restore(home, app_pg_bin, file)
    finally:
        home.close()


def refuse_half(home: Home) -> None:
    """Raises StartError where a restore was killed: half a database would look like a whole one."""
    if home.half_restored:
        raise StartError(
            f"A restore into {home.path} was interrupted, so what is there is not whole. Do it "
            "again: make restore file=... (it begins anew), or delete it: make reset."
        )


def _refuse_strangers(home: Home) -> None:
    """Comes before `open`, after which the directory would count as Stagelight's."""
    found = {entry.name for entry in home.path.iterdir()} if home.path.is_dir() else set()
    if found >= {"postgres", "stack.lock"}:
        return
    if RESTORING in found:
        found -= {RESTORING, *MADE}
    if others := sorted(found - OURS):
        raise StartError(
            f"{home.path} is not empty: {', '.join(others[:5])}. Move that elsewhere, or set "
            "STAGELIGHT_HOME to an empty directory; nothing was changed."
        )


def _restore(home: Home, app_pg_bin: str, file: Path) -> dt.datetime:
    if home.half_restored:
        _take_back(home)
    if (home.path / "postgres").exists():
        raise StartError(
            f"There is data in {home.path} already. Keep it with `make backup`, or delete it with "
            "`make reset`, then restore; nothing was changed."
        )
    bin_dir = find_bin(app_pg_bin)
    home.begin_restore()
    try:
        with tempfile.TemporaryDirectory() as directory:
            dump = _unpack(home, file, Path(directory))
            taken = dt.datetime.fromtimestamp(dump.stat().st_mtime, dt.UTC)
            with _started(home, bin_dir) as postgres:
                bootstrap(postgres)
                told = ("--clean", "--if-exists", "--create", "--exit-on-error", str(dump))
                _run(bin_dir / "pg_restore", postgres.superuser_dsn("template1"), *told)
                _switch_off(postgres)
    except BaseException:
        _take_back(home)
        raise
    home.mark_seeded()
    home.end_restore()
    return taken


def _switch_off(postgres: Postgres) -> None:
    with psycopg.connect(postgres.superuser_dsn(DATABASE)) as connection:
        known = connection.execute("select to_regclass('public.ai_automation_rules')").fetchone()
        # A backup may be of a first start that came no further than the roles.
        if known and known[0]:
            connection.execute(
                "update public.ai_automation_rules set enabled = false where enabled"
            )


def _take_back(home: Home) -> None:
    """Removes what a restore makes; the backup itself may lie in the same directory."""
    for path in (home.path / name for name in MADE):
        if path.is_dir():
            _remove(path)
        else:
            path.unlink(missing_ok=True)
    home.end_restore()


def _remove(directory: Path) -> None:
    """The server of a restore that was killed may still be ending, and write meanwhile."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while directory.exists():
        shutil.rmtree(directory, ignore_errors=time.monotonic() < deadline)
        time.sleep(0.05)


@contextmanager
def _running(home: Home, bin_dir: Path) -> Iterator[str]:
    """The superuser's address of the home's database, which is started if it does not run."""
    if home.open():
        try:
            refuse_half(home)
            if not (home.path / "postgres").exists():
                raise StartError(f"There is no data in {home.path}; nothing was written.")
            with _started(home, bin_dir) as postgres:
                yield postgres.superuser_dsn(DATABASE)
        finally:
            home.close()
        return
    address = home.connection.get("database_url")
    if not address:
        raise StartError("Stagelight is starting or stopping. Try again when it is done.")
    port = int(str(conninfo_to_dict(address)["port"]))
    yield Postgres(home.path, port, bin_dir).superuser_dsn(DATABASE)


@contextmanager
def _started(home: Home, bin_dir: Path) -> Iterator[Postgres]:
    ports = Claims()
    postgres = Postgres(home.path, ports.first_free(FIRST_PORT), bin_dir)
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        ports.release()


def _unpack(home: Home, file: Path, directory: Path) -> Path:
    try:
        with tarfile.open(file) as tar:
            tar.extract(DUMP, directory, filter="data")
            names = set(tar.getnames())
            (home.path / SPOOL).mkdir(mode=0o700)
            for name in (names & set(KEYS)) | {
                n for n in names if Path(n).match(f"{SPOOL}/{SPOOLED}")
            }:
                tar.extract(name, home.path, filter="data")
                (home.path / name).chmod(0o600)
    except (OSError, KeyError, tarfile.TarError) as error:
        raise StartError(f"{file} cannot be read as a backup: {error}") from error
    return directory / DUMP


def _run(program: Path, dsn: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs; the password goes where no list of processes shows it."""
    parts = conninfo_to_dict(dsn)
    password = str(parts["password"])
    address = [f"--{name}={parts[key]}" for name, key in CONNECTION.items()]
    done = subprocess.run(
        [program, *address, *arguments],
        env={**os.environ, "PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StartError(f"{program.name}: {done.stderr.strip()[-500:]}")


CONNECTION = {"host": "host", "port": "port", "username": "user", "dbname": "dbname"}
