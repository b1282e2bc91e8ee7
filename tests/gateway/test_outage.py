"""This file is where the gateway is shown to outlive PostgreSQL, and to start and stop cleanly."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import httpx
import psycopg
import pytest

from local.bootstrap import bootstrap
from local.gateway.config import Config
from local.gateway.server import create_gateway
from local.postgres import Postgres, find_bin
from tests.gateway.conftest import PASSWORD, Served, make_config
from tests.ports import free_port
from tests.running import PATIENCE, ROOT, serving, until

# What a loaded machine may need; nothing here is judged by how long it takes.
DEMO = Path(__file__).with_name("demo.sql")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that may be killed."""
    bin_dir = find_bin(os.environ.get("APP_PG_BIN", ""))
    server = Postgres(tmp_path_factory.mktemp("outage"), free_port(), bin_dir)
    server.start()
    try:
        bootstrap(server)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(DEMO.read_bytes())
        yield server
    finally:
        server.stop()


def _config(postgres: Postgres, home: Path) -> Config:
    return make_config(postgres.dsn, home, free_port())


def test_postgresql_may_be_killed_and_come_back(postgres: Postgres, tmp_path: Path) -> None:
    config = _config(postgres, tmp_path)
    with serving(create_gateway(config), config.address[1]), httpx.Client(timeout=PATIENCE) as http:
        gateway = Served(config, http, "")
        gateway.add_user("a@example.com")
        assert gateway.raw("POST", "/rest/v1/rpc/ping", json={}).json() == 2

        postgres.kill()

        def refused() -> bool:
            answer = gateway.raw("POST", "/rest/v1/rpc/ping", json={})
            return (answer.status_code, answer.json().get("code")) == (503, "PGRST001")

        until(refused)
        until(lambda: gateway.raw("GET", "/health").status_code == 503)
        body = {"email": "a@example.com", "password": PASSWORD}
        path = "/auth/v1/token?grant_type=password"
        assert gateway.raw("POST", path, json=body).status_code == 503

        postgres.start()

        until(lambda: gateway.raw("GET", "/health").status_code == 200)
        for _ in range(20):
            assert gateway.raw("POST", "/rest/v1/rpc/ping", json={}).json() == 2
        until(lambda: gateway.raw("POST", path, json=body).status_code == 200)


def test_one_lost_connection_does_not_stop_the_others(postgres: Postgres, tmp_path: Path) -> None:
    config = _config(postgres, tmp_path)
    with serving(create_gateway(config), config.address[1]), httpx.Client(timeout=PATIENCE) as http:
        gateway = Served(config, http, "")
        gateway.raw("POST", "/rest/v1/rpc/ping", json={})
        with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename in ('authenticator', 'supabase_auth_admin')"
            )

        admin = {"headers": {"apikey": config.secret_key}}
        users = "/auth/v1/admin/users"
        until(lambda: gateway.raw("GET", users, **admin).status_code == 200)
        until(lambda: gateway.raw("POST", "/rest/v1/rpc/ping", json={}).status_code == 200)


def test_who_finds_every_connection_busy_is_told_so(postgres: Postgres, tmp_path: Path) -> None:
    config = make_config(postgres.dsn, tmp_path, free_port(), pool=1, pool_wait=0.01)
    with serving(create_gateway(config), config.address[1]), httpx.Client(timeout=PATIENCE) as http:
        gateway = Served(config, http, "")
        told: list[httpx.Response] = []

        def ask() -> None:
            told.append(gateway.raw("POST", "/rest/v1/rpc/ping", json={}))
            told.append(gateway.raw("GET", "/health"))

        assert _asked_while(postgres, gateway, ask).status_code == 200
        assert [answer.status_code for answer in told] == [504, 200]
        assert told[0].json()["code"] == "PGRST003"


def _start(config_file: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "local.gateway", str(config_file)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )


def test_the_process_serves_and_lets_the_last_request_end(
    postgres: Postgres, tmp_path: Path
) -> None:
    config = _config(postgres, tmp_path)
    config_file = tmp_path / "gateway.json"
    config_file.write_text(json.dumps(asdict(config)))
    process = _start(config_file)
    try:
        with httpx.Client(timeout=PATIENCE) as http:
            gateway = Served(config, http, "")
            until(lambda: _answers(gateway) or process.poll() is not None)
            answer = _asked_while(postgres, gateway, lambda: process.send_signal(signal.SIGTERM))
            assert (answer.status_code, answer.json()) == (200, "")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE)
    assert said == b""
    assert process.returncode in (0, -signal.SIGTERM)
    assert oct((tmp_path / "jwt.json").stat().st_mode)[-3:] == "600"


def _asked_while(
    postgres: Postgres, gateway: Served, happens: Callable[[], None]
) -> httpx.Response:
    """The answer to a request that PostgreSQL has begun and cannot end before `happens` is over."""
    headers = {"apikey": gateway.config.secret_key}
    with (
        psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection,
        ThreadPoolExecutor(1) as threads,
    ):
        connection.execute("select pg_advisory_lock(7)")
        path = "/rest/v1/rpc/wait_turn"
        asked = threads.submit(gateway.raw, "POST", path, headers=headers, json={})
        waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
        until(lambda: connection.execute(waiting).fetchone())
        happens()
        connection.execute("select pg_advisory_unlock(7)")
        return asked.result(PATIENCE)


def _answers(gateway: Served) -> bool:
    try:
        return gateway.raw("GET", "/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "is not a JSON object"),
        ('{"url": "http://127.0.0.1:1"}', "lacks dsn, auth_dsn, key_file"),
        ('{"colour": "red"}', "settings that do not exist: colour"),
    ],
)
def test_a_bad_configuration_is_explained(tmp_path: Path, text: str, reason: str) -> None:
    config_file = tmp_path / "gateway.json"
    config_file.write_text(text)

    process = _start(config_file)
    _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert reason in said.decode()
