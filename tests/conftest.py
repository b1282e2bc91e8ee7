"""This file is where tests get a real database, a real gateway and the whole stack."""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import certifi
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG as USUAL_TIMEOUT
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent.parent))

from local.bootstrap import bootstrap, make_database, migrate
from local.postgres import Postgres, find_bin
from local.sandbox.serve import Sandbox, serve_on_thread
from local.sandbox.server import create_sandbox
from tests.builders import World
from tests.copies import Copies
from tests.halves import pytest_runtestloop
from tests.ports import free_port
from tests.running import PATIENCE, Renewed, Stack, serving, start_stack

__all__ = ["pytest_runtestloop"]
TEMPLATE = "template_stagelight"
MEMORY, ROOM_NEEDED = Path("/dev/shm"), 4 * 2**30  # noqa: S108 - mkdtemp makes it safe
# Everything here is on this machine; a proxy from the environment must not get to see it.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
# Otherwise HTTP clients of tests wait five seconds for an answer; all of them share this object.
USUAL_TIMEOUT.connect = USUAL_TIMEOUT.read = USUAL_TIMEOUT.write = USUAL_TIMEOUT.pool = PATIENCE
# The same examples each time, however slow the machine is: what is red is red for everybody.
settings.register_profile(
    "same for all",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same for all")
# A cluster that is thrown away need not survive a power cut.
THROWN_AWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True)
class Database:
    """One test's own database, with the migration applied."""

    cluster: Postgres
    name: str

    def dsn(self, user: str = "postgres") -> str:
        """The address for one of the login roles."""
        return self.cluster.dsn(user, self.name)


@dataclass(frozen=True)
class Supabase:
    """A gateway on one test's database: what supabase-py needs to know."""

    url: str
    publishable_key: str
    secret_key: str = field(repr=False)
    database: Database


@pytest.fixture(scope="session", autouse=True)
def _few_authorities(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every HTTP client loads whom to trust; of the whole web's, that takes it 30 ms.

    Only a real project is spoken to by TLS.
    """
    if os.environ.get("CONTRACT_SUPABASE_URL"):
        return
    first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
    one = tmp_path_factory.mktemp("authorities") / "one.pem"
    one.write_text(f"{first}{end}\n")
    os.environ["SSL_CERT_FILE"] = str(one)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One PostgreSQL for the whole run; APP_PG_BIN chooses which."""
    home = in_memory() or tmp_path_factory.mktemp("cluster")
    bin_dir = find_bin(os.environ.get("APP_PG_BIN", ""))
    postgres = Postgres(home, free_port(), bin_dir, {**THROWN_AWAY, "max_connections": "200"})
    postgres.start()
    try:
        bootstrap(postgres)
        make_database(postgres, TEMPLATE)
        migrate(postgres.dsn(dbname=TEMPLATE))
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


def in_memory() -> Path | None:
    """A directory in memory, where there is one with room: copying a database is quick there."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_NEEDED:
        return Path(tempfile.mkdtemp(prefix="stagelight-tests-", dir=MEMORY))
    return None


@pytest.fixture(scope="session")
def copies(cluster: Postgres) -> Iterator[Copies]:
    """Copies of the migrated database, some of them made before they are asked for."""
    copies = Copies(cluster, TEMPLATE)
    yield copies
    copies.close()


@pytest.fixture
def database(cluster: Postgres, copies: Copies) -> Iterator[Database]:
    """A fresh copy of the migrated database, dropped afterwards."""
    name = copies.take()
    yield Database(cluster, name)
    copies.give_back(name)


@pytest.fixture
def supabase(database: Database, tmp_path: Path) -> Iterator[Supabase]:
    """The gateway, on a thread, in front of this test's database."""
    from local.gateway.config import Config
    from local.gateway.server import create_gateway

    keys = ("sb_publishable_" + secrets.token_urlsafe(16), "sb_secret_" + secrets.token_urlsafe(16))
    port = free_port()
    config = Config(
        url=f"http://127.0.0.1:{port}",
        dsn=database.dsn("authenticator"),
        auth_dsn=database.dsn("supabase_auth_admin"),
        key_file=str(tmp_path / "jwt.json"),
        publishable_key=keys[0],
        secret_key=keys[1],
    )
    with serving(create_gateway(config), port):
        yield Supabase(config.url, *keys, database=database)


@pytest.fixture(scope="session")
def providers() -> Iterator[tuple[Renewed, Sandbox]]:
    """The server of all tests that need providers."""
    renewed = Renewed(create_sandbox())
    with serve_on_thread(renewed) as running:
        yield renewed, running


@pytest.fixture
def sandbox(providers: tuple[Renewed, Sandbox]) -> Sandbox:
    """Google AI and Facebook without delays, as if nothing had happened yet."""
    providers[0].application = create_sandbox()
    return providers[1]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything: PostgreSQL, gateway, sandbox, worker, dashboard, with the demo data."""
    running = start_stack(tmp_path_factory.mktemp("stack") / "home")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """Arranges rows in this test's database."""
    arranged = World(database.dsn())
    yield arranged
    arranged.close()


@pytest.fixture
def second(database: Database) -> Iterator[World]:
    """Another connection to the same database."""
    other = World(database.dsn())
    yield other
    other.close()
