"""This file is where stories are told: a worker whose turns the test calls, an owner, contacts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from cryptography.fernet import Fernet
from supabase import Client, ClientOptions, create_client

from local.sandbox.serve import Sandbox
from pipeline.adapters.conversations import Conversations
from pipeline.adapters.facebook import Facebook, create_http
from pipeline.adapters.google_ai import GoogleAi
from pipeline.adapters.graph import Graph
from pipeline.clients import service_client
from pipeline.lease import read_clock
from pipeline.model import Job, Outcome
from pipeline.recorder import Recorder
from pipeline.rows import row_of
from pipeline.settings import Settings
from pipeline.steps.send import send
from pipeline.store import Store
from pipeline.sync_store import SyncStore
from pipeline.syncs import Syncs
from pipeline.turns import Turns
from pipeline.vault import Vault
from tests.builders import PASSWORD, Row, World
from tests.running import PATIENCE

KEY = Fernet.generate_key().decode()


class Worker:
    """A worker whose turns run when the test says so, on an event loop of its own."""

    def __init__(
        self, supabase: Any, sandbox: Sandbox, name: str = "worker-1", app_secret: str = ""
    ) -> None:
        self.settings = Settings(
            supabase_url=supabase.url,
            supabase_publishable_key=supabase.publishable_key,
            supabase_secret_key=supabase.secret_key,
            google_api_key="sandbox",
            google_base_url=sandbox.google_url,
            facebook_graph_url=sandbox.graph_url,
            token_encryption_key=KEY,
            facebook_app_secret=app_secret,
        )
        self._runner = asyncio.Runner()
        self._http = httpx.AsyncClient(timeout=PATIENCE)
        self.store = Store(service_client(self.settings, self._http), name)
        self.recorder = Recorder(self.store)
        self._graph = create_http(self.settings)
        self._google = GoogleAi(self.settings)
        self._messenger = Facebook(self.settings, self._graph)
        self.name = name
        self.waited: list[float] = []
        self.syncs = self.syncs_that(self._wait)
        self.forget()

    def forget(self) -> None:
        """As if hours had passed: what the worker knows of its providers is forgotten."""
        writer, messenger = self._google, self._messenger
        self.turns = Turns(
            self.store, self.recorder, writer, messenger, Vault(KEY), syncs=self.syncs
        )

    def syncs_that(self, wait: Callable[[float], Awaitable[None]]) -> Syncs:
        """What reads conversations; `wait` is called before every call to Facebook."""
        reader = Conversations(Graph(self.settings, self._graph))
        store = SyncStore(service_client(self.settings, self._http), self.name)
        return Syncs(store, reader, Vault(KEY), sleep=wait)

    async def _wait(self, seconds: float) -> None:
        """Keeps the waits between two calls for conversations instead of waiting."""
        self.waited.append(seconds)

    def turn(self, *names: str) -> None:
        """Runs the turns one after the other, each until nothing is left in hand."""
        self.run(self._turn(names))

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """What the awaitable returns; outcomes are written down meanwhile."""
        return self._runner.run(self._written_down(awaitable))

    async def _written_down(self, awaitable: Awaitable[Any]) -> Any:
        writing_down = asyncio.create_task(self.recorder.run())
        try:
            async with asyncio.timeout(PATIENCE):
                return await awaitable
        finally:
            writing_down.cancel()

    async def _turn(self, names: tuple[str, ...]) -> None:
        for name in names:
            await getattr(self.turns, name)()
            for lane in self.turns.lanes:
                await lane.drain()
            await self.syncs.drain()

    async def record(self, *outcomes: tuple[Job, Outcome]) -> list[str | None]:
        """Has the outcomes written down together; None, or why each changed nothing."""
        rows = [row_of(job, outcome) for job, outcome in outcomes]
        return await asyncio.gather(*(self.recorder.record(row) for row in rows))

    def send_after(self, job: Job, seconds: float) -> str | None:
        """Does the send step as if so much time had passed since the claim, and writes it down."""
        late = self._send(job, lambda: job.claimed_at + seconds)
        problem: str | None = self.run(self._sent_and_recorded(job, late))
        return problem

    def _send(self, job: Job, clock: Callable[[], float] = read_clock) -> Awaitable[Outcome]:
        return send(job, self._messenger, Vault(KEY), self.store.clock.now(), clock)

    async def _sent_and_recorded(self, job: Job, sending: Awaitable[Outcome]) -> str | None:
        [problem] = await self.record((job, await sending))
        return problem

    def send_and_die(self, job: Job) -> None:
        """Hands the message over, and never tells the database."""
        self.run(self._send(job))
        self.close()

    def close(self) -> None:
        """Ends connections and loop."""
        self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        await self._google.aclose()
        await self._http.aclose()
        await self._graph.aclose()


class Story:
    """One owner with a page and an automation; contacts are added by the test."""

    def __init__(self, world: World, supabase: Any, sandbox: Sandbox, app_secret: str = "") -> None:
        self.world = world
        self.supabase = supabase
        self.facebook = sandbox
        self.owner = world.user()
        self.page = world.page(
            self.owner,
            encrypted_token=Vault(KEY).seal("sandbox-page-token"),
            sends_per_minute=600,
        )
        self.rule = world.rule(self.page, wait_minutes=60)
        self.worker = Worker(supabase, sandbox, app_secret=app_secret)
        self._http = httpx.Client()
        self.turn = self.worker.turn

    def contact(self, **values: Any) -> Row:
        """A contact of the page who can be written to, unless `values` say otherwise."""
        return self.world.contact(self.page, **values)

    def user(self, owner: Row | None = None) -> Client:
        """supabase-py, signed in as the owner or as somebody else."""
        signed_in = self._client({}).auth.sign_in_with_password(
            {"email": (owner or self.owner)["email"], "password": PASSWORD}
        )
        assert signed_in.session is not None
        return self._client({"Authorization": f"Bearer {signed_in.session.access_token}"})

    def _client(self, headers: dict[str, str]) -> Client:
        options = ClientOptions(headers=headers, auto_refresh_token=False, httpx_client=self._http)
        return create_client(self.supabase.url, self.supabase.publishable_key, options)

    def look_again(self, seconds: float) -> None:
        """As if the tries under way were so old by the database's clock, and a look were due."""
        self.world.rows(
            "update public.ai_automation_contact_states set lease_expires_at = now()"
            " where lease_expires_at is not null returning id"
        )
        [database] = self.world.rows("select now() + make_interval(secs => %s) as at", seconds)
        self.worker.store.clock.hear(database["at"])
        self.turn("settle")

    def close(self) -> None:
        """Ends connections."""
        self.worker.close()
        self._http.close()

    def call(self, function: str, **arguments: Any) -> Any:
        """A function, called as the owner."""
        return self.user().rpc(function, arguments).execute().data

    def run_now(self) -> Row:
        """The owner presses the button."""
        return dict(self.call("request_run", p_rule_id=str(self.rule["id"])))

    def stage_of(self, contact: Row) -> tuple[str, str | None]:
        """Stage and reason of the contact now."""
        state = self.state(contact)
        return state["current_stage"], state["reason_code"]

    def state(self, contact: Row) -> Row:
        """The contact's row."""
        return self.world.rows(
            "select * from public.ai_automation_contact_states where contact_id = %s",
            contact["id"],
        )[0]

    def journey(self, contact: Row) -> list[str]:
        """Every stage the contact has entered, in order."""
        return [
            event["to_stage"]
            for event in self.world.rows(
                "select to_stage::text from public.ai_automation_stage_events"
                " where contact_id = %s order by id",
                contact["id"],
            )
        ]

    def update(self, table: str, row: Row, **values: Any) -> None:
        """Changes a row behind everybody's back, as the service could."""
        for name, value in values.items():
            self.world.rows(
                f"update public.{table} set {name} = %s where id = %s returning id",  # noqa: S608
                value,
                row["id"],
            )
