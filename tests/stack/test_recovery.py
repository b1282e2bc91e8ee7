"""This file is where parts of the stack die, and where all of it ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.running import PATIENCE, Stack, run_local, start_stack, until
from tests.stack.processes import KINDS, descendants, parts_of, running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for all starts of this file: the first one takes longest."""
    return tmp_path_factory.mktemp("recovery") / "home"


@pytest.fixture(scope="module")
def started(home: Path) -> Iterator[Stack]:
    """A stack that nobody else minds being killed."""
    own = start_stack(home)
    yield own
    own.stop()


def usable(stack: Stack) -> bool:
    """True when dashboard, gateway, sandbox and receiver all answer, and every part is there."""
    addresses = (
        f"{stack.dashboard_url}/readyz",
        f"{stack.url}/health",
        f"{stack.sandbox_url}/health",
        f"{stack.receiver_url}/healthz",
    )
    try:
        answers = [httpx.get(address).status_code for address in addresses]
    except httpx.TransportError:
        return False
    return answers == [200] * 4 and set(parts_of(stack.process.pid)) == set(KINDS)


@pytest.mark.parametrize("victim", sorted(KINDS))
def test_a_part_that_is_killed_comes_back_and_the_others_do_not_notice(
    started: Stack, victim: str
) -> None:
    until(lambda: usable(started))
    before, connection = parts_of(started.process.pid), started.connection

    os.kill(before[victim], signal.SIGKILL)

    until(lambda: parts_of(started.process.pid).get(victim, before[victim]) != before[victim])
    until(lambda: usable(started), why=started.said)
    after = parts_of(started.process.pid)
    assert {name for name in KINDS if after[name] != before[name]} == {victim}
    assert started.connection == connection
    until(lambda: f"{victim} is running again" in started.said(), why=started.said)
    with psycopg.connect(started.database_url) as database:
        assert database.execute("select 1").fetchone() == (1,)


def test_nothing_outlives_a_killed_parent_and_the_next_start_finds_everything(
    started: Stack, home: Path
) -> None:
    with psycopg.connect(started.database_url) as database:
        database.execute("create table public.kept as select 42 as answer")
    login = (started.demo_email, started.demo_password, started.secret_key)
    family = descendants(started.process.pid)

    started.process.kill()
    started.process.wait()

    until(lambda: not any(map(running, family)))
    again = start_stack(home)
    try:
        assert (again.demo_email, again.demo_password, again.secret_key) == login
        with psycopg.connect(again.database_url) as database:
            assert database.execute("select answer from public.kept").fetchone() == (42,)
        family = descendants(again.process.pid)
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(timeout=PATIENCE) == 0
        assert not any(map(running, family))
        assert not again.connection
        assert "Your data is kept" in again.said()
    finally:
        again.stop()


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing(tmp_path: Path, presses: int) -> None:
    begun = run_local(tmp_path / "home")
    until(lambda: "PostgreSQL" in parts_of(begun.process.pid), why=begun.said)
    family = descendants(begun.process.pid)

    for _ in range(presses):
        begun.process.send_signal(signal.SIGINT)
    begun.process.wait(timeout=PATIENCE)

    until(lambda: not any(map(running, family)))
    assert "Traceback" not in begun.said()
