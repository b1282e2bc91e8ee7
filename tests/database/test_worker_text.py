"""This file is where what a worker writes down cannot make a contact go round for ever."""

import asyncio

import httpx
import pytest

from pipeline.clients import service_client
from pipeline.model import Advance, Fail
from pipeline.recorder import Recorder
from pipeline.rows import row_of
from pipeline.settings import Settings
from pipeline.stages import Stage
from pipeline.store import Store
from tests.database.acting import Worker, call, run_now

BAD = {"NUL": "a\x00b", "half a surrogate pair": "a\ud800b"}
STATES = "select * from public.ai_automation_contact_states order by id"


@pytest.fixture
def eligible(world):
    """Three contacts that wait for their message."""
    page = world.page(world.user())
    for _ in range(3):
        world.contact(page)
    run_now(world, world.rule(page))
    Worker(world.connection).check()


def at_the_database(supabase, work):
    """What `work(store)` returns; the store speaks through supabase-py, as a worker's does."""
    settings = Settings(supabase_url=supabase.url, supabase_secret_key=supabase.secret_key)

    async def run():
        async with httpx.AsyncClient() as http:
            return await work(Store(service_client(settings, http), "worker-1"))

    return asyncio.run(run())


@pytest.mark.usefixtures("eligible")
@pytest.mark.parametrize("text", BAD)
def test_what_others_say_is_cleaned_before_it_is_written_down(supabase, world, text):
    bad = BAD[text]

    async def write(store):
        jobs = await store.claim(Stage.ELIGIBLE, 3)
        return await store.record(
            [
                row_of(jobs[0], Advance(Stage.READY_TO_SEND, {"generated_message": bad})),
                row_of(jobs[1], Fail(f"code {bad}", f"message {bad}", f"hint {bad}")),
            ]
        )

    answers = at_the_database(supabase, write)

    written, failed, _ = world.rows(STATES)
    assert [answer["problem"] for answer in answers] == [None, None]
    assert written["generated_message"] == "ab"
    assert [failed[name] for name in ("error_code", "error_message", "error_hint")] == [
        *("code ab", "message ab", "hint ab")
    ]


@pytest.mark.usefixtures("eligible")
@pytest.mark.parametrize("text", BAD)
def test_what_was_not_cleaned_stops_its_own_contact_only_and_not_for_ever(supabase, world, text):
    async def write(store):
        recorder = Recorder(store)
        writing = asyncio.ensure_future(recorder.run())
        jobs = await store.claim(Stage.ELIGIBLE, 3)
        rows = [
            row_of(job, Advance(Stage.READY_TO_SEND, {"generated_message": "Hello"}))
            for job in jobs
        ]
        rows[1:2] = [{**row, "generated_message": BAD[text]} for row in rows[1:2]]
        problems = await asyncio.gather(*map(recorder.record, rows))
        writing.cancel()
        return problems

    assert at_the_database(supabase, write) == [None, "refused", None]
    Worker(world.connection).has_worked_for(minutes=1)
    for _ in range(3):
        world.rows(
            "update public.ai_automation_contact_states set lease_expires_at = now()"
            " where current_stage = 'generating' returning 1"
        )
        call(world.connection, "reclaim_expired_leases")
        world.rows("update public.ai_automation_contact_states set due_at = now() returning 1")
        Worker(world.connection).claim("eligible")
    stages = [(row["current_stage"], row["error_code"]) for row in world.rows(STATES)]
    assert stages == [("ready_to_send", None), ("failed", "worker_lost"), ("ready_to_send", None)]


@pytest.mark.usefixtures("eligible")
def test_what_others_say_is_cut_to_what_a_reader_needs(supabase, world):
    long = "x" * 1_000_000

    async def write(store):
        jobs = await store.claim(Stage.ELIGIBLE, 3)
        return await store.record(
            [
                row_of(jobs[0], Fail(long, long, long)),
                row_of(jobs[1], Advance(Stage.READY_TO_SEND, {"generated_message": long})),
                row_of(jobs[2], Advance(Stage.READY_TO_SEND, {"generated_message": "Hello"})),
            ]
        )

    answers = at_the_database(supabase, write)

    failed, kept, written = world.rows(STATES)
    assert [answer["problem"] for answer in answers] == [None, "too_long", None]
    assert len(failed["error_code"]) == 100
    assert len(failed["error_message"]) == 2000
    assert len(failed["error_hint"]) == len(failed["status_message"]) == 500
    assert [kept["current_stage"], written["current_stage"]] == ["generating", "ready_to_send"]


@pytest.mark.usefixtures("eligible")
def test_an_endless_id_from_facebook_is_written_down_too(world):
    worker = Worker(world.connection)
    worker.write()
    jobs = worker.claim("ready_to_send")

    answers = worker.record(
        jobs, "sent", attempt_outcome="sent", facebook_message_id=f"m_{'9' * 1_000_000}"
    )

    assert [answer["problem"] for answer in answers] == [None] * 3
    assert {state["current_stage"] for state in world.rows(STATES)} == {"sent"}


@pytest.mark.usefixtures("eligible")
def test_every_answer_of_the_ai_is_counted_also_that_of_a_try_that_failed(world):
    worker = Worker(world.connection)
    spent = {"tokens_in": 100, "tokens_out": 20, "generation_time_ms": 300, "cost_usd": "0.002"}

    worker.record(worker.claim("eligible"), "eligible", error_code="ai_unavailable", **spent)
    worker.record(worker.claim("eligible"), "ready_to_send", generated_message="See you?", **spent)
    [sending, *_] = worker.claim("ready_to_send")
    worker.record([sending], "sent", attempt_outcome="sent", facebook_message_id="m_1")

    for state in world.rows(STATES):
        assert (state["tokens_in"], state["tokens_out"]) == (200, 40)
        assert (state["generation_time_ms"], float(state["cost_usd"])) == (600, 0.004)
