"""This file is where one PostgreSQL server is made, started and stopped, as a direct child."""

import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from local.account import Account, choose_account
from local.binaries import find_bin, major_of
from local.children import shorten
from local.errors import StartError
from local.files import read_json, write_private, write_private_json

__all__ = ["LOGIN_ROLES", "Postgres", "find_bin"]

SUPERUSER = "supabase_admin"
LOGIN_ROLES = ("postgres", "authenticator", "supabase_auth_admin")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
START_SECONDS = 60
STOP_SECONDS = 15

# Sized for a laptop that runs other things; what is committed is on the disk.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "effective_cache_size": "256MB",
    "maintenance_work_mem": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    # Rows and statements of customers do not belong in a log file.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class Postgres:
    """A cluster in `home`/postgres on 127.0.0.1:`port`, with a random password per role."""

    name = "PostgreSQL"

    def __init__(
        self, home: Path, port: int, bin_dir: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self.log = home / "logs" / "postgres.log"
        self._data = home / "postgres"
        self._bin = bin_dir
        self._options = {**OPTIONS, "port": str(port), **(options or {})}
        self._password_file = home / "passwords.json"
        self._account = Account()
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, user: str = "postgres", dbname: str = "postgres") -> str:
        """The address for `user`, password included."""
        password = read_json(self._password_file)[user]
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{dbname}"

    def superuser_dsn(self, dbname: str = "postgres") -> str:
        """The address for the superuser, whom a hosted project does not hand out either."""
        return self.dsn(SUPERUSER, dbname)

    def prepare(self) -> None:
        """Makes the cluster on first start; refuses one of another major version."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._account = choose_account(self._data)
        self._bin = self._account.reachable(self._bin)
        if not self._data.exists():
            self._initdb()
        self._check_major()
        if not read_json(self._password_file):
            raise StartError(
                f"{self._password_file} is missing, so nobody can sign in to the database beside "
                "it. Put it back, or run `make reset` (this deletes the local data)."
            )
        self._account.own(self._data)

    def launch(self) -> None:
        """Starts the server; the calling thread must live as long as it (the kernel's rule)."""
        arguments = [part for item in self._options.items() for part in ("-c", "=".join(item))]
        command = self._account.command(self._bin / "postgres", *self._directory, *arguments)
        shorten(self.log)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=ENVIRONMENT,
                cwd=self._data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Returns when the server answers; recovery after a crash is waited for."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.alive():
                raise StartError(f"PostgreSQL ended at start: {self.last_words()}")
            if self.ready():
                return
            time.sleep(0.02)
        raise StartError(f"PostgreSQL did not answer in {START_SECONDS} s; see {self.log}.")

    def start(self) -> None:
        """prepare, launch and wait_ready in one."""
        self.prepare()
        self.launch()
        self.wait_ready()

    def ready(self) -> bool:
        """True when a connection can be made."""
        try:
            psycopg.connect(self.superuser_dsn(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def alive(self) -> bool:
        """True while the server's process runs; a dead one is reaped."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server, 0 when it was never started."""
        return self._process.pid if self._process else 0

    def stop(self) -> None:
        """Disconnects everybody, writes everything, waits; at once if that takes too long."""
        if self._process is None:
            return
        for kind, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5)):
            self._process.send_signal(kind)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        self.kill()

    def kill(self) -> None:
        """Ends the server at once; the next start recovers what was committed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def _directory(self) -> list[str]:
        # Another account cannot walk through our private home, but it can be put inside.
        return ["-D", "/proc/self/cwd" if self._account.switched else str(self._data)]

    def _initdb(self) -> None:
        passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *LOGIN_ROLES)}
        write_private_json(self._password_file, passwords)
        final, self._data = self._data, self._data.with_name("postgres.unfinished")
        if self._data.exists():
            shutil.rmtree(self._data)
        self._data.mkdir(mode=0o700)
        password_file = self._data.with_name("initdb-password")
        write_private(password_file, passwords[SUPERUSER])
        try:
            self._run_initdb(password_file)
        finally:
            password_file.unlink()
            unfinished, self._data = self._data, final
        unfinished.rename(final)

    def _run_initdb(self, password_file: Path) -> None:
        self._account.own(self._data)
        self._account.own(password_file)
        locale = ["--locale=C.UTF-8"]
        if major_of(self._bin) >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        with password_file.open() as password:
            done = subprocess.run(
                self._account.command(
                    self._bin / "initdb",
                    *self._directory,
                    *locale,
                    *("--username", SUPERUSER, "--pwfile", "/dev/stdin"),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
                    "--no-instructions",
                ),
                cwd=self._data,
                env=ENVIRONMENT,
                stdin=password,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise StartError(f"PostgreSQL could not make its data directory: {done.stderr.strip()}")

    def _check_major(self) -> None:
        kept = (self._data / "PG_VERSION").read_text().strip()
        found = major_of(self._bin)
        if kept != str(found):
            raise StartError(
                f"The data in {self._data} was made by PostgreSQL {kept}, but {self._bin} is "
                f"PostgreSQL {found}. Set APP_PG_BIN to the programs of PostgreSQL {kept} to keep "
                "the data, or run `make reset` to begin anew (this deletes it)."
            )

    def last_words(self) -> str:
        """Why it ended, from its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [
            line for line in lines[-20:] if "FATAL" in line or "ERROR" in line or "HINT" in line
        ]
        return " ".join(telling[-2:] or lines[-2:]) + f" (see {self.log})"
