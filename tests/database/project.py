"""This file is where a project with two owners is set up, and everything in it belongs to one."""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from psycopg.types.json import Jsonb
from supabase import Client, ClientOptions, create_client

from local.bootstrap import make_database, migrate
from local.gateway.server import Config, create_gateway
from local.postgres import Postgres
from tests.builders import PASSWORD, World, ago
from tests.conftest import Database
from tests.database import doors
from tests.database.acting import Worker, call, call_as, run_now
from tests.ports import free_port
from tests.running import serving

MARK = "only A may read this"
WHERE_THINGS_ARE = [
    table
    for table in doors.TABLES
    if table.startswith(("ai_", "contact", "facebook", "metrics", "user_"))
]
EVERYTHING = " union all ".join(
    f"select '{table}' as at, t::text as whole from public.{table} as t"  # noqa: S608
    for table in WHERE_THINGS_ARE
)
EVERYTHING += " order by at, whole"


@dataclass
class Project:
    """A gateway, what belongs to A, and clients for A, B and a visitor who did not sign in."""

    world: World
    a: dict
    b: dict
    things: dict
    owner: Client
    stranger: Client
    anon: Client
    column: dict

    def arguments(self, function: str, things: dict | None = None):
        """What to call the function with, to get at A's things."""
        return filled(doors.FUNCTIONS[function], things or self.things)

    def belongings(self):
        """Everything A has, and what belongs to nobody, row by row."""
        found: dict[str, list[str]] = {table: [] for table in WHERE_THINGS_ARE}
        # One question for all: it is asked before and after each thing that a stranger tries.
        for row in self.world.rows(EVERYTHING):
            found[row["at"]].append(row["whole"])
        return found


def filled(value, things):
    """The value, with {rule} and the like replaced by ids."""
    if isinstance(value, dict):
        return {name: filled(inner, things) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, things) for inner in value]
    return things.get(value[1:-1], value) if isinstance(value, str) else value


@contextmanager
def two_owners(
    cluster: Postgres, home: Path, *, old_grants: bool, holes: str = ""
) -> Iterator[Project]:
    """A and B, where everything is A's; `holes` is SQL that opens some, after the migration."""
    name = f"isolation_{secrets.token_hex(6)}"
    make_database(cluster, name, old_grants=old_grants)
    migrate(cluster.dsn(dbname=name))
    port = free_port()
    database = Database(cluster, name)
    config = Config(
        url=f"http://127.0.0.1:{port}",
        dsn=database.dsn("authenticator"),
        auth_dsn=database.dsn("supabase_auth_admin"),
        key_file=str(home / "jwt.json"),
        publishable_key="sb_publishable_isolation",
        secret_key="sb_secret_isolation",
    )
    with closing(World(cluster.dsn(dbname=name))) as world:
        a, b = world.user("a@example.com"), world.user("b@example.com")
        things = belongings_of(world, a)
        world.connection.execute(holes.encode())
        with serving(create_gateway(config), port), httpx.Client() as http:
            yield Project(
                world,
                a,
                b,
                things,
                *(signed_in(config, http, person) for person in (a, b)),
                anon=client(config, http, {}),
                column=columns_to_try(world),
            )


def client(config, http, headers):
    options = ClientOptions(headers=headers, auto_refresh_token=False, httpx_client=http)
    return create_client(config.url, config.publishable_key, options)


def signed_in(config, http, person):
    answer = client(config, http, {}).auth.sign_in_with_password(
        {"email": person["email"], "password": PASSWORD}
    )
    return client(config, http, {"Authorization": f"Bearer {answer.session.access_token}"})


def columns_to_try(world):
    """A column of each table or view that is never null: the owner if there is one."""
    columns = world.rows(
        "select c.relname, a.attname from pg_class as c inner join pg_attribute as a"
        " on a.attrelid = c.oid and a.attnum > 0 and a.attidentity = ''"
        " where c.relnamespace = 'public'::regnamespace"
        " order by a.attname = 'user_id', a.attnum desc"
    )
    return {row["relname"]: row["attname"] for row in columns}


def belongings_of(world, person):
    """At least one row of `person` in every table, with contacts in all kinds of stages."""
    page = world.page(person, name=MARK, encrypted_token=MARK)
    synced = {"page_id": page["id"], "user_id": person["id"], "error_message": MARK}
    world.insert("public.facebook_page_syncs", **synced)
    rule = world.rule(page, name=MARK, prompt=MARK)
    failing, sent, ready = (
        world.contact(page, sender_name=MARK, last_inbound_at=ago(hours=n)) for n in (9, 8, 7)
    )
    worker = Worker(world.connection, MARK)
    run_now(world, rule)
    worker.check()
    worker.write()
    jobs = worker.claim("ready_to_send", limit=2)
    worker.record(jobs[:1], "failed", error_message=MARK, attempt_outcome="failed")
    worker.record(jobs[1:], "sent", attempt_outcome="sent", facebook_message_id=MARK)
    queued = world.contact(page, sender_name=MARK)
    run_now(world, rule)
    beating(world)
    call(world.connection, "set_metrics_key", p_token_hash=MARK)
    sums = "insert into public.metrics_totals (stage, bucket) values ('sent', 0)"
    world.connection.execute(sums + " on conflict do nothing")
    bulk = call_as(world, person, "preview_bulk", p_rule_id=rule["id"], p_action="retry")
    wish = {"p_action": "opt_out", "p_contact_ids": [sent["id"]]}
    call_as(world, person, "preview_contact_bulk", **wish)
    owned = {"user_id": person["id"], "rule_id": rule["id"]}
    figures_of(world, owned)
    call_as(world, person, "save_settings", p_settings=Jsonb({"theme": "dark"}))
    heard_of(world, person, sent)
    return {
        "bulk": bulk["id"],
        "page": str(page["id"]),
        "preview": str(preview_for(world, sent)["id"]),
        "rule": str(rule["id"]),
        "contact": str(sent["id"]),
        "failed": state_of(world, failing),
        "ready": state_of(world, ready),
        "queued": state_of(world, queued),
    }


def figures_of(world, owned):
    minutes = {"stage": "sent", "span": "day", "starts_at": ago(days=100), "bucket": 1}
    world.insert("public.ai_automation_stage_periods", **owned, **minutes)
    told = {"day": ago(days=1), "kind": "messages", "key": MARK}
    world.insert("public.ai_automation_days", **owned, **told, total=1)
    scope = {"user_id": owned["user_id"], "scope_id": owned["rule_id"], "number": 0}
    world.insert("public.ai_automation_figures", **scope, **told, upto=[1] * 96)
    open_try = {"attempt_id": uuid.uuid4(), "started_at": ago(hours=1), "counted": False}
    world.connection.execute(
        "insert into public.ai_automation_roll_up_marks"
        " (moves_until, tries_until, noted_at, coarse_until)"
        " values (now(), now(), now(), current_date) on conflict do nothing"
    )
    world.insert("public.ai_automation_open_tries", user_id=owned["user_id"], **open_try)


def beating(world):
    """What a worker is called is no secret (system_health tells it), what it does may be."""
    told = {"p_worker": "worker-1", "p_version": "v1", "p_doing": MARK}
    call(world.connection, "beat", **told, p_held=[0], p_lease_seconds=9)


def heard_of(world, person, sent):
    """What Facebook tells, and what is done about it."""
    gone = {"user_id": person["id"], "person_hash": MARK}
    world.insert("public.contact_tombstones", **gone)
    word = {"contact_id": sent["id"], "word": "stop", "said_at": ago(hours=1), "status": "sent"}
    world.insert("public.opt_confirmations", user_id=person["id"], **word)
    call(world.connection, "ask_deletion", p_code=secrets.token_hex(8), p_asked_for=MARK)
    event = {"facebook_page_id": MARK, "kind": "policy", "said_at": ago(hours=1)}
    world.insert("public.facebook_events", event_key=secrets.token_hex(8), **event)
    receiver = {"p_name": MARK, "p_version": MARK, "p_spool_bytes": 0, "p_heard_at": None}
    call(world.connection, "receiver_beat", **receiver)


def preview_for(world, contact):
    owner = {name: contact[name] for name in ("user_id", "page_id")}
    asked = {"contact_id": contact["id"], "prompt": MARK, "language": "", "model": ""}
    return world.insert("public.ai_automation_previews", **owner, **asked)


def state_of(world, contact):
    [state] = world.rows(
        "select id from public.ai_automation_contact_states where contact_id = %s", contact["id"]
    )
    return state["id"]
