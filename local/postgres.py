"""This file is where one PostgreSQL server is made, started and stopped, as a direct child."""

import secrets
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg

from local.account import Account, choose_account
from local.binaries import check_time_zones, find_bin
from local.children import end, killed_by, shorten
from local.cluster import ENVIRONMENT, SUPERUSER, check_major, make_cluster
from local.errors import StartError
from local.files import read_json, write_private_json

__all__ = ["LOGIN_ROLES", "Postgres", "find_bin"]

LOGIN_ROLES = ("postgres", "authenticator", "supabase_auth_admin")
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
        check_time_zones(self._bin)
        self._bin = self._account.reachable(self._bin)
        if not self._data.exists():
            passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *LOGIN_ROLES)}
            write_private_json(self._password_file, passwords)
            make_cluster(self._data, self._bin, self._account, passwords[SUPERUSER])
        check_major(self._data, self._bin)
        if not read_json(self._password_file):
            raise StartError(
                f"{self._password_file} is missing, so nobody can sign in to the database beside "
                "it. Put it back, or run `make reset` (this deletes the local data)."
            )
        self._account.own(self._data)

    def launch(self) -> None:
        """Starts the server; the calling thread must live as long as it (the kernel's rule)."""
        arguments = [part for item in self._options.items() for part in ("-c", "=".join(item))]
        directory = self._account.inside(self._data)
        command = self._account.command(self._bin / "postgres", "-D", directory, *arguments)
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
        if self._process is not None:
            end(self._process, (signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5))

    def kill(self) -> None:
        """Ends the server at once; the next start recovers what was committed."""
        if self._process is not None:
            end(self._process)

    def last_words(self) -> str:
        """Why it ended, from its log."""
        code = self._process.returncode if self._process else None
        if code is not None and code < 0:
            return killed_by(code)
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [
            line for line in lines[-20:] if "FATAL" in line or "ERROR" in line or "HINT" in line
        ]
        return " ".join(telling[-2:] or lines[-2:]) + f" (see {self.log})"
