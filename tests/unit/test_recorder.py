"""This file is where outcomes are shown to be kept, and the end of their writer to be noticed."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from postgrest import APIError
from starlette.responses import HTMLResponse

from pipeline.__main__ import watch
from pipeline.clients import service_client
from pipeline.endings import surprise, unfit
from pipeline.model import Fail
from pipeline.recorder import Recorder, advice_on, is_passing
from pipeline.rows import held_of, may_be_out, row_of
from pipeline.settings import Settings
from pipeline.stages import Stage
from pipeline.steps.settle import NOT_FOUND
from pipeline.store import Store, UnreadableAnswerError
from tests.ports import free_port
from tests.providers.jobs import JOB, NOWHERE
from tests.running import serving


def refusal(code: str) -> APIError:
    """The database's answer with this code."""
    return APIError({"code": code, "message": "words"})


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (refusal("23514"), False),
        (refusal("22P02"), False),
        (refusal("54000"), False),
        (ValueError("Out of range float values are not JSON compliant"), False),
        (TypeError("ours"), False),
        (refusal("57P01"), True),
        (refusal("502"), True),
        (httpx.ConnectError("away"), True),
        (UnreadableAnswerError("record_outcomes"), True),
    ],
)
def test_what_cannot_pass_is_not_repeated(error: Exception, passes: bool) -> None:
    assert is_passing(error) is passes


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        (httpx.ConnectError("away"), "SUPABASE_URL"),
        (APIError({"message": "Invalid API key"}), "SUPABASE_SECRET_KEY"),
        (refusal("42501"), "SUPABASE_SECRET_KEY"),
        (refusal("PGRST202"), "sql/add-automation-monitoring.sql"),
    ],
)
def test_a_worker_that_waits_says_which_setting_to_look_at(error: Exception, setting: str) -> None:
    assert setting in advice_on(error)
    assert not advice_on(refusal("57P01"))


@pytest.mark.parametrize(
    "outcome",
    [
        unfit(JOB),
        NOT_FOUND,
        Fail("duplicate", "Words.", "Hint."),
        Fail("new_code", "Words.", "Hint.", unknown=True),
    ],
)
def test_where_the_message_may_be_out_the_attempt_stays_unknown(outcome: Fail) -> None:
    assert may_be_out(outcome)
    assert row_of(JOB, outcome)["attempt_outcome"] == "unknown"


def test_a_mistake_of_ours_while_sending_is_looked_up_for_an_hour() -> None:
    started = JOB.attempt_started_at
    assert started is not None

    soon, late = (surprise(JOB, started + timedelta(minutes=m)) for m in (1, 61))
    written = surprise(replace(JOB, stage=Stage.GENERATING), started)

    assert (soon.code, soon.unknown) == ("outcome_unknown", True)
    assert (late.code, late.unknown) == ("unexpected", False)
    assert not written.unknown


def test_a_refused_message_is_surely_not_out() -> None:
    assert row_of(JOB, Fail("no_such_contact", "W.", "H."))["attempt_outcome"] == "failed"


def test_every_outcome_of_a_send_names_its_attempt() -> None:
    assert row_of(JOB, NOT_FOUND)["attempt_id"] == JOB.attempt_id


def test_a_row_without_a_token_is_left_to_its_lease() -> None:
    assert held_of([{"state_id": 1, "stage": "sending"}], 0.0, 30) == []


def test_a_maintenance_page_is_not_taken_for_the_databases_answer() -> None:
    port = free_port()
    settings = Settings(supabase_url=f"http://127.0.0.1:{port}", supabase_secret_key="sb_secret_x")

    async def ask() -> None:
        async with httpx.AsyncClient() as http:
            store = Store(service_client(settings, http), "worker")
            with pytest.raises(UnreadableAnswerError):
                await store.record([{"state_id": 1}])
            with pytest.raises(UnreadableAnswerError):
                await store.claim(Stage.ELIGIBLE, 1)

    with serving(HTMLResponse("<html>Back soon</html>"), port):
        asyncio.run(ask())


def test_a_database_that_is_away_is_asked_less_and_less_often_and_nothing_is_forgotten() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 8:
            raise asyncio.CancelledError

    async def write() -> bool:
        settings = Settings(supabase_url=NOWHERE, supabase_secret_key="sb_secret_x")
        async with httpx.AsyncClient() as http:
            recorder = Recorder(Store(service_client(settings, http), "worker"), sleep)
            waiting = asyncio.ensure_future(recorder.record({"state_id": 1}))
            await asyncio.sleep(0)
            with suppress(asyncio.CancelledError):
                await recorder.run()
            still = not waiting.done()
            waiting.cancel()
            return still

    assert asyncio.run(write())
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


async def ended() -> None:
    """A writer that did not survive."""
    raise RuntimeError


@pytest.mark.parametrize(("broken", "exit_code"), [(True, 1), (False, 0)])
def test_the_process_ends_when_outcomes_are_no_longer_written_down(
    broken: bool, exit_code: int
) -> None:
    async def watched() -> Any:
        never = asyncio.Event()
        writing = asyncio.ensure_future(ended() if broken else wait_for(never))
        code = await watch(writing, wait_for(never) if broken else asyncio.sleep(0))
        writing.cancel()
        return code

    assert asyncio.run(watched()) == exit_code


async def wait_for(event: asyncio.Event) -> None:
    """Returns when `event` is set."""
    await event.wait()
