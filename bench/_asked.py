"""This file is where a gateway process is started to be measured, on a database of its own."""

import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions

from bench._cluster import thrown_away
from local.bootstrap import make_database
from local.files import write_private_json
from local.gateway.tokens import Keys
from local.postgres import Postgres
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
DATABASE = "asked"
START_SECONDS = 20


@dataclass(frozen=True)
class Asked:
    """A gateway that runs, and one person who has signed in."""

    url: str
    dsn: str = field(repr=False)
    key: str = field(repr=False)
    token: str = field(repr=False)
    claims: dict[str, Any]
    pid: int

    @property
    def headers(self) -> dict[str, str]:
        """What supabase-py sends with every request."""
        return {
            "apiKey": self.key,
            "Authorization": f"Bearer {self.token}",
            "Accept": "*/*",
            "Accept-Profile": "public",
            "Content-Profile": "public",
            "X-Client-Info": "supabase-py/2.34.1",
        }

    @contextmanager
    def client(self) -> Iterator[Client]:
        """supabase-py, as the person."""
        told = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client() as http:
            options = SyncClientOptions(httpx_client=http, headers=told, auto_refresh_token=False)
            yield create_client(self.url, self.key, options)

    def memory(self) -> float:
        """Megabytes of the process, what it shares with others counted in part."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the kernel does not tell the memory of a process")


@contextmanager
def asked() -> Iterator[Asked]:
    """A cluster, a database with gateway.sql, and `python -m local.gateway` in front of it."""
    with thrown_away() as postgres, tempfile.TemporaryDirectory() as home:
        make_database(postgres, DATABASE)
        with psycopg.connect(postgres.dsn(dbname=DATABASE), autocommit=True) as connection:
            connection.execute(Path(__file__).with_name("gateway.sql").read_bytes())
        config = _config(postgres, Path(home))
        file = Path(home) / "gateway.json"
        write_private_json(file, config)
        process = subprocess.Popen([sys.executable, "-m", "local.gateway", str(file)], cwd=ROOT)
        try:
            _wait_ready(process, config["url"])
            claims = {"sub": secrets.token_hex(16), "role": "authenticated", "aud": "authenticated"}
            claims |= {"exp": int(time.time()) + 3600}  # type: ignore[dict-item]
            token = Keys(Path(config["key_file"])).sign(claims)
            key = config["publishable_key"]
            yield Asked(config["url"], config["dsn"], key, token, claims, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _config(postgres: Postgres, home: Path) -> dict[str, str]:
    return {
        "url": f"http://127.0.0.1:{free_port()}",
        "dsn": postgres.dsn("authenticator", DATABASE),
        "auth_dsn": postgres.dsn("supabase_auth_admin", DATABASE),
        "key_file": str(home / "jwt.json"),
        "publishable_key": "sb_publishable_" + secrets.token_urlsafe(16),
        "secret_key": "sb_secret_" + secrets.token_urlsafe(16),
    }


def _wait_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the gateway did not start")
