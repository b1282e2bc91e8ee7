"""This file is where all local data goes into one file, and comes back from it."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from local.binaries import find_bin
from local.bootstrap import bootstrap
from local.errors import StartError
from local.home import Home
from local.ports import first_free
from local.postgres import Postgres

FIRST_PORT = 21080
DUMP = "database.dump"
# Without them a restored database has tokens that nobody can open, and a password nobody knows.
KEYS = ("secrets.json", "jwt.json")
DATABASE = "postgres"


def backup(home: Home, app_pg_bin: str, file: Path) -> None:
    """Writes `file` (0600), also while the stack runs; raises StartError."""
    if file.exists():
        raise StartError(f"{file} exists already; nothing was written.")
    bin_dir = find_bin(app_pg_bin)
    with _running(home, bin_dir) as dsn, tempfile.TemporaryDirectory() as directory:
        dump = Path(directory) / DUMP
        _run(bin_dir / "pg_dump", dsn, "--format=custom", "--create", f"--file={dump}")
        unfinished = file.with_name(f".{file.name}.unfinished")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
            for path in (dump, *(home.path / name for name in KEYS)):
                if path.exists():
                    tar.add(path, path.name)
        unfinished.replace(file)


def restore(home: Home, app_pg_bin: str, file: Path) -> None:
    """Fills an empty directory from `file`, or leaves it empty; raises StartError."""
    if not home.open():
        raise StartError("Stagelight runs here. Stop it first (Ctrl-C); nothing was changed.")
    try:
        _restore(home, app_pg_bin, file)
    finally:
        home.close()


def _restore(home: Home, app_pg_bin: str, file: Path) -> None:
    if (home.path / "postgres").exists():
        raise StartError(
            f"There is data in {home.path} already. Keep it with `make backup`, or delete it with "
            "`make reset`, then restore; nothing was changed."
        )
    bin_dir = find_bin(app_pg_bin)
    try:
        with tempfile.TemporaryDirectory() as directory:
            dump = _unpack(home, file, Path(directory))
            with _started(home, bin_dir) as postgres:
                bootstrap(postgres)
                told = ("--clean", "--if-exists", "--create", "--exit-on-error", str(dump))
                _run(bin_dir / "pg_restore", postgres.superuser_dsn("template1"), *told)
    except BaseException:
        home.empty()
        raise
    home.mark_seeded()


@contextmanager
def _running(home: Home, bin_dir: Path) -> Iterator[str]:
    """The superuser's address of the home's database, which is started if it does not run."""
    if home.open():
        try:
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
    postgres = Postgres(home.path, first_free(FIRST_PORT), bin_dir)
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()


def _unpack(home: Home, file: Path, directory: Path) -> Path:
    try:
        with tarfile.open(file) as tar:
            tar.extract(DUMP, directory, filter="data")
            for name in set(KEYS) & set(tar.getnames()):
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
