"""This file is where only a part of the stack is started."""

from pathlib import Path

import httpx
import psycopg

from tests.ports import free_port
from tests.running import Stack, run_local, until
from tests.stack.processes import children, environment_of


def answers(address: str) -> bool:
    """True when a GET of `address` gives 200."""
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


def test_with_a_supabase_project_only_the_dashboard_starts(stack: Stack, tmp_path: Path) -> None:
    port = free_port()
    hosted = run_local(
        tmp_path / "home",
        SUPABASE_URL=stack.url,
        SUPABASE_PUBLISHABLE_KEY=stack.publishable_key,
        SUPABASE_SECRET_KEY=stack.secret_key,
        SESSION_SECRET="x" * 40,
        DASHBOARD_PORT=str(port),
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), why=hosted.said)
        assert children(hosted.process.pid) == []
        assert stack.secret_key not in environment_of(hosted.process.pid)
        assert hosted.connection == {}
    finally:
        hosted.stop()


def test_one_more_worker_joins_the_running_stack(stack: Stack) -> None:
    with psycopg.connect(stack.database_url, autocommit=True) as database:
        workers = "select count(*) from public.ai_automation_workers"
        before = database.execute(workers).fetchone()
        second = run_local(stack.home, "worker", terminal="worker")
        try:
            until(lambda: database.execute(workers).fetchone() != before, why=second.said)
        finally:
            second.stop()
