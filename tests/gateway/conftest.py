"""This file is where the gateway's tests get a gateway, its users and their clients."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions

from local.bootstrap import make_database
from local.gateway.config import Config
from local.gateway.server import create_gateway
from local.postgres import Postgres
from tests.ports import free_port
from tests.running import PATIENCE, serving

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Served:
    """A gateway that runs, and what its callers need."""

    config: Config
    http: httpx.Client
    superuser_dsn: str = field(repr=False)

    def client(self, key: str = "", token: str = "") -> Client:
        """A supabase-py client as the app makes it: one per identity, sharing connections."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        options = SyncClientOptions(
            httpx_client=self.http,
            headers=headers,
            auto_refresh_token=False,
            persist_session=False,
        )
        return create_client(self.config.url, key or self.config.publishable_key, options)

    @property
    def service(self) -> Client:
        return self.client(self.config.secret_key)

    def add_user(self, email: str) -> str:
        """A confirmed user; gives back their id."""
        wanted = {"email": email, "password": PASSWORD, "email_confirm": True}
        return self.service.auth.admin.create_user(wanted).user.id

    def token_of(self, email: str) -> str:
        session = self.client().auth.sign_in_with_password({"email": email, "password": PASSWORD})
        return session.session.access_token

    def private_key(self) -> dict[str, Any]:
        """The key that it signs with."""
        found: dict[str, Any] = json.loads(Path(self.config.key_file).read_text())
        return found

    def raw(self, method: str, path: str, *, token: str = "", **options: Any) -> httpx.Response:
        """A request as nobody's library would send it, but for Auth's version of 2024."""
        usual = {"apikey": self.config.publishable_key, "X-Supabase-Api-Version": "2024-01-01"}
        headers = {**usual, **options.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.http.request(method, f"{self.config.url}{path}", headers=headers, **options)


@dataclass(frozen=True)
class Person:
    """Someone who is signed in."""

    id: str
    email: str
    token: str = field(repr=False)
    client: Client = field(repr=False)


def make_config(dsn: Callable[[str], str], home: Path, port: int, **changes: Any) -> Config:
    """The configuration of a gateway on one database."""
    values = {
        "url": f"http://127.0.0.1:{port}",
        "dsn": dsn("authenticator"),
        "auth_dsn": dsn("supabase_auth_admin"),
        "key_file": str(home / "jwt.json"),
        "publishable_key": "sb_publishable_" + secrets.token_urlsafe(16),
        "secret_key": "sb_secret_" + secrets.token_urlsafe(16),
        "bcrypt_cost": 4,
    }
    return Config(**{**values, **changes})


@pytest.fixture(scope="session")
def gateway(cluster: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One gateway on one database with demo.sql, for all tests."""
    name, port = "gateway_tests", free_port()
    make_database(cluster, name)
    with psycopg.connect(cluster.dsn("postgres", name), autocommit=True) as connection:
        connection.execute(Path(__file__).with_name("demo.sql").read_bytes())
    home = tmp_path_factory.mktemp("gateway")
    config = make_config(lambda user: cluster.dsn(user, name), home, port, rate_limit=5)
    with serving(create_gateway(config), port), httpx.Client(timeout=PATIENCE) as http:
        yield Served(config, http, cluster.superuser_dsn(name))


def _person(gateway: Served, email: str) -> Person:
    user_id = gateway.add_user(email)
    token = gateway.token_of(email)
    return Person(user_id, email, token, gateway.client(token=token))


@pytest.fixture(scope="session")
def ada(gateway: Served) -> Person:
    return _person(gateway, "ada@example.com")


@pytest.fixture(scope="session")
def bob(gateway: Served) -> Person:
    return _person(gateway, "bob@example.com")


@pytest.fixture
def email(gateway: Served) -> Iterator[str]:
    """Someone who is nobody else's."""
    address = f"{secrets.token_hex(6)}@example.com"
    user_id = gateway.add_user(address)
    yield address
    gateway.service.auth.admin.delete_user(user_id)


@pytest.fixture
def superuser(gateway: Served) -> Iterator[psycopg.Connection[Any]]:
    """Looks at the database behind the gateway's back."""
    with psycopg.connect(gateway.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def items(superuser: psycopg.Connection[Any], ada: Person, bob: Person) -> None:
    """Ada has ten items n0 to n9, the even ones done and two of them tagged; Bob has one."""
    superuser.execute("truncate public.items restart identity")
    superuser.execute(
        """
        insert into public.items (owner, name, qty, done, tags, meta, created_at)
        select %s, 'n' || i, i, case when i %% 2 = 0 then true end,
            case when i < 2 then array['x', 'y z'] else '{}' end,
            jsonb_build_object('k', 'v' || i, 'n', jsonb_build_object('m', i)),
            '2026-01-01T00:00:00Z'::timestamptz + i * interval '1 day'
        from generate_series(0, 9) as i
        """,
        [ada.id],
    )
    superuser.execute("insert into public.items (owner, name) values (%s, 'bobs')", [bob.id])
