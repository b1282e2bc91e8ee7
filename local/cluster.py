"""This file is where PostgreSQL's data directory is made, whole or not at all, and recognised."""

import shutil
import subprocess
from pathlib import Path

from local.account import Account
from local.binaries import major_of
from local.errors import StartError
from local.files import write_private

SUPERUSER = "supabase_admin"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def make_cluster(data: Path, bin_dir: Path, account: Account, password: str) -> None:
    """Makes `data`, with SUPERUSER and its password; one left unfinished is dropped."""
    unfinished = data.with_name(f"{data.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    account.own(unfinished)
    password_file = data.with_name("initdb-password")
    write_private(password_file, password)
    try:
        account.own(password_file)
        _initdb(unfinished, bin_dir, account, password_file)
    finally:
        password_file.unlink()
    unfinished.rename(data)


def check_major(data: Path, bin_dir: Path) -> None:
    """Raises StartError when `data` belongs to another major version than `bin_dir`."""
    kept = (data / "PG_VERSION").read_text().strip()
    found = major_of(bin_dir)
    if kept != str(found):
        raise StartError(
            f"The data in {data} was made by PostgreSQL {kept}, but {bin_dir} is PostgreSQL "
            f"{found}. Set APP_PG_BIN to the programs of PostgreSQL {kept} to keep the data. To "
            "take it along: `make backup` with that setting, then without it `make reset` (this "
            "deletes it) and `make restore`."
        )


def _initdb(data: Path, bin_dir: Path, account: Account, password_file: Path) -> None:
    locale = ["--locale=C.UTF-8"]
    if major_of(bin_dir) >= 17:
        # The same on every system; the C library's locales are not.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command = account.command(
        bin_dir / "initdb",
        *("-D", account.inside(data)),
        *locale,
        *("--username", SUPERUSER, "--pwfile", "/dev/stdin"),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", "--no-instructions"),
    )
    with password_file.open() as password:
        done = subprocess.run(
            command,
            cwd=data,
            env=ENVIRONMENT,
            stdin=password,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise StartError(f"PostgreSQL could not make its data directory: {done.stderr.strip()}")
