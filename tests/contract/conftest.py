"""This file is where the contract suite gets its project: the gateway, or a real one if named."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions

from local.bootstrap import make_database, migrate
from local.gateway.server import create_gateway
from local.postgres import Postgres
from tests.contract.functions import Row
from tests.gateway.conftest import make_config
from tests.running import free_port, serving

PASSWORD = "correct horse"
WORKER_NAME = "contract"
REAL = {
    name: os.environ.get(f"CONTRACT_SUPABASE_{name}", "")
    for name in ("URL", "PUBLISHABLE_KEY", "SECRET_KEY")
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in every run which project was spoken to: the one that was not is not shown to agree."""
    where = REAL["URL"] or "the embedded gateway only (a real project: CONTRACT_SUPABASE_URL)"
    terminalreporter.write_line(f"contract suite: against {where}")


@dataclass(frozen=True)
class Project:
    """A Supabase project, by its address and keys."""

    url: str
    publishable_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    http: httpx.Client = field(repr=False)

    def client(self, token: str = "", key: str = "") -> Client:
        """A client as the app makes it: one per identity."""
        told = {"Authorization": f"Bearer {token}"} if token else {}
        options = SyncClientOptions(
            httpx_client=self.http, headers=told, auto_refresh_token=False, persist_session=False
        )
        return create_client(self.url, key or self.publishable_key, options)

    @property
    def service(self) -> Client:
        """The worker's."""
        return self.client(key=self.secret_key)


@dataclass(frozen=True)
class Person:
    """Someone with an account, who has signed in."""

    id: str
    email: str
    token: str = field(repr=False)
    client: Client = field(repr=False)


@pytest.fixture(scope="session")
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The project that CONTRACT_SUPABASE_URL names, or a gateway on a migrated database."""
    with httpx.Client(timeout=20) as http:
        if REAL["URL"]:
            named = Project(REAL["URL"], REAL["PUBLISHABLE_KEY"], REAL["SECRET_KEY"], http)
            _refuse_one_in_use(named)
            yield named
            return
        cluster: Postgres = request.getfixturevalue("cluster")
        name, port = "contract", free_port()
        make_database(cluster, name)
        migrate(cluster.dsn(dbname=name))
        home: Path = tmp_path_factory.mktemp("contract")
        config = make_config(lambda user: cluster.dsn(user, name), home, port)
        with serving(create_gateway(config), port):
            yield Project(config.url, config.publishable_key, config.secret_key, http)


def _refuse_one_in_use(project: Project) -> None:
    if project.service.table("contacts").select("id").limit(1).execute().data:
        pytest.fail(
            f"{project.url} has contacts. The contract suite claims contacts and deletes old "
            "history, as a worker does: give it an empty project. Nothing was changed.",
            pytrace=False,
        )


@pytest.fixture
def no_worker_stays(project: Project) -> Iterator[None]:
    """Takes away the worker that a call of `beat` leaves behind."""
    yield
    project.service.table("ai_automation_workers").delete().eq("name", WORKER_NAME).execute()
    project.service.table("facebook_receivers").delete().eq("name", WORKER_NAME).execute()


def _person(project: Project) -> Iterator[Person]:
    email = f"contract-{secrets.token_hex(6)}@example.com"
    wanted = {"email": email, "password": PASSWORD, "email_confirm": True}
    user = project.service.auth.admin.create_user(wanted).user
    answer = project.client().auth.sign_in_with_password({"email": email, "password": PASSWORD})
    token = answer.session.access_token
    yield Person(user.id, email, token, project.client(token))
    # With the account goes everything that is its own.
    project.service.auth.admin.delete_user(user.id)


@pytest.fixture(scope="session")
def ada(project: Project) -> Iterator[Person]:
    yield from _person(project)


@pytest.fixture(scope="session")
def bob(project: Project) -> Iterator[Person]:
    yield from _person(project)


@pytest.fixture(scope="session")
def page(project: Project, ada: Person) -> Row:
    """Ada's page, with a sealed token, as the demo makes it."""
    values = {"user_id": ada.id, "name": "Corner Bakery", "facebook_page_id": ada.id[:8]}
    (page,) = project.service.table("facebook_pages").insert(values).execute().data
    secret = {"page_id": page["id"], "user_id": ada.id, "encrypted_token": "sealed"}
    project.service.table("facebook_page_secrets").insert(secret).execute()
    return page


@pytest.fixture(scope="session")
def rule(ada: Person, page: Row) -> Row:
    """An automation that Ada wrote herself."""
    values = {"page_id": page["id"], "name": "Winback", "prompt": "Ask.", "run_24_7": True}
    (rule,) = ada.client.table("ai_automation_rules").insert(values).execute().data
    return rule


@pytest.fixture(scope="session")
def contacts(project: Project, ada: Person, page: Row) -> list[Row]:
    """Eleven hundred of them: more than one answer holds."""
    owner = {"user_id": ada.id, "page_id": page["id"]}
    rows = [{**owner, "sender_id": f"77{number:08}", "tags": ["asked"]} for number in range(1100)]
    return project.service.table("contacts").insert(rows).execute().data
