"""This file is where the contract suite gets its project: the gateway, or a real one if named."""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from psycopg import sql
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions
from supabase_auth.errors import AuthApiError

from local.bootstrap import make_database, migrate
from local.gateway.server import create_gateway
from local.postgres import Postgres
from tests.contract.functions import Row
from tests.gateway.conftest import make_config
from tests.ports import free_port
from tests.running import PATIENCE, serving

PASSWORD = "correct horse"
WORKER_NAME = "contract"
ACCOUNTS = ("contract-", "@example.com")
# Whoever has rows in these has something that the suite, which does all that a worker does, could
# change: it claims contacts, deletes old history and takes away the key of the metrics.
USED = ("facebook_pages", "ai_automation_workers", "facebook_receivers")
REAL = {
    name: os.environ.get(f"CONTRACT_SUPABASE_{name}", "")
    for name in ("URL", "PUBLISHABLE_KEY", "SECRET_KEY")
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in every run which project was spoken to: the one that was not is not shown to agree."""
    where = REAL["URL"] or "the embedded gateway only (a real project: CONTRACT_SUPABASE_URL)"
    terminalreporter.write_line(f"contract suite: against {where}")


def code_of(query: Any) -> str:
    """The code of the APIError that it ends with."""
    with pytest.raises(APIError) as refused:
        query.execute()
    return str(refused.value.code)


def auth_code(call: Callable[[], Any]) -> tuple[int, str | None]:
    """Status and code of the AuthApiError that `call` ends with."""
    with pytest.raises(AuthApiError) as refused:
        call()
    return refused.value.status, refused.value.code


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
    """The project that CONTRACT_SUPABASE_URL names, or a gateway on a migrated database.

    Of the gateway's database it is shown at the end that nothing was left in it.
    """
    with httpx.Client(timeout=PATIENCE) as http:
        if REAL["URL"]:
            named = Project(*_told(), http)
            _refuse_one_in_use(named)
            yield named
            return
        cluster: Postgres = request.getfixturevalue("cluster")
        name, port = "contract", free_port()
        make_database(cluster, name)
        migrate(cluster.dsn(dbname=name))
        before = rows_by_table(cluster.superuser_dsn(name))
        home: Path = tmp_path_factory.mktemp("contract")
        config = make_config(lambda user: cluster.dsn(user, name), home, port)
        with serving(create_gateway(config), port):
            yield Project(config.url, config.publishable_key, config.secret_key, http)
        # How far the figures are added up is written down by any worker's first turn, and stays.
        mark = {"ai_automation_roll_up_marks": 1}
        assert rows_by_table(cluster.superuser_dsn(name)) in (before, before | mark)


def rows_by_table(dsn: str) -> dict[str, int]:
    """How many rows each table has, Auth's too."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('public', 'auth')"
        ).fetchall()
        count = sql.SQL("select count(*) from {}")
        return {
            name: connection.execute(count.format(sql.Identifier(schema, name))).fetchall()[0][0]
            for schema, name in tables
        }


def _told() -> Iterator[str]:
    for name, value in REAL.items():
        if not value:
            pytest.fail(f"CONTRACT_SUPABASE_{name} is missing too.", pytrace=False)
        yield value


def _refuse_one_in_use(project: Project) -> None:
    for table in USED:
        others = project.service.table(table).select("name").neq("name", WORKER_NAME)
        if others.limit(1).execute().data:
            pytest.fail(
                f"{project.url} is in use: {table} has rows. The contract suite does everything "
                "that a worker does, deleting old history too: give it an empty project. Nothing "
                "was changed. (What a run that was cut off has left belongs to the accounts "
                f"{'...'.join(ACCOUNTS)} there, and goes with them.)",
                pytrace=False,
            )


@pytest.fixture
def no_worker_stays(project: Project) -> Iterator[None]:
    """Takes away the worker and the receiver that a call of `beat` leaves behind."""
    yield
    project.service.table("ai_automation_workers").delete().eq("name", WORKER_NAME).execute()
    project.service.table("facebook_receivers").delete().eq("name", WORKER_NAME).execute()


def _person(project: Project) -> Iterator[Person]:
    email = secrets.token_hex(6).join(ACCOUNTS)
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
def ids(ada: Person, project: Project) -> Row:
    """Something of Ada's in every table that the app reads, by its id.

    She has one page with a sealed token, one automation, and eleven hundred contacts: more than
    one answer holds.
    """

    def insert(client: Client, table: str, values: Any) -> str:
        return str(client.table(table).insert(values).execute().data[0]["id"])

    def call(function: str, **arguments: Any) -> Any:
        return ada.client.rpc(function, arguments).execute().data

    service, owner = project.service, {"user_id": ada.id}
    shop = {**owner, "name": "Corner Bakery", "facebook_page_id": ada.id[:8]}
    page = insert(service, "facebook_pages", shop)
    secret = {**owner, "page_id": page, "encrypted_token": "sealed"}
    service.table("facebook_page_secrets").insert(secret).execute()
    written = {"page_id": page, "name": "Winback", "prompt": "Ask.", "run_24_7": True}
    rule = insert(ada.client, "ai_automation_rules", written)
    people = [
        {**owner, "page_id": page, "sender_id": f"77{number:08}", "tags": ["asked"]}
        for number in range(1100)
    ]
    contact = insert(service, "contacts", people)
    call("save_settings", p_settings={"theme": "dark"})
    given = {"p_tag": "x", "p_filter": None, "p_contact_ids": [contact]}
    call("preview_contact_bulk", p_action="add_tag", **given)
    call("preview_bulk", p_rule_id=rule, p_action="cancel", p_stage=None, p_search=None)
    preview = call("request_preview", p_contact_id=contact, p_rule={"prompt": "Ask."})["id"]
    actions = ada.client.table("ai_automation_audit").select("action").execute().data
    state = {**owner, "rule_id": rule, "contact_id": contact, "page_id": page}
    return {
        **{"page": page, "rule": rule, "contact": contact, "preview": preview},
        "state": insert(service, "ai_automation_contact_states", state),
        "actions": sorted({row["action"] for row in actions}),
    }
