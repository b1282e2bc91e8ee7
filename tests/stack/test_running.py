"""This file is where the running stack keeps its promises to people and tools."""

import httpx
import psycopg

from tests.running import PATIENCE, Stack, run_local
from tests.stack.processes import environment_of, parts_of

CONTRACT = {
    "url",
    "publishable_key",
    "secret_key",
    "database_url",
    "dashboard_url",
    "sandbox_url",
    "receiver_url",
    "metrics_token",
    "demo_email",
    "demo_password",
}


def test_everything_that_was_announced_answers(stack: Stack) -> None:
    addresses = (
        f"{stack.dashboard_url}/readyz",
        f"{stack.url}/health",
        f"{stack.sandbox_url}/health",
        f"{stack.receiver_url}/readyz",
    )

    assert [httpx.get(address).status_code for address in addresses] == [200, 200, 200, 200]
    assert set(parts_of(stack.process.pid)) == {
        "gateway",
        "sandbox",
        "receiver",
        "worker",
        "dashboard",
        "PostgreSQL",
    }


def test_a_person_reads_the_address_and_the_login(stack: Stack) -> None:
    said = stack.said()

    assert stack.dashboard_url in said
    assert stack.demo_email in said
    assert stack.demo_password in said
    assert "Traceback" not in said


def test_tools_find_the_connection_and_nobody_else_does(stack: Stack) -> None:
    assert set(stack.connection) == CONTRACT
    assert (stack.home / "connection.json").stat().st_mode & 0o777 == 0o600
    assert stack.home.stat().st_mode & 0o777 == 0o700
    readable = [path for path in stack.home.iterdir() if path.is_file() and path.stat().st_size]
    assert [path.name for path in readable if path.stat().st_mode & 0o077] == []


def test_the_database_is_reached_as_a_role_without_special_powers(stack: Stack) -> None:
    with psycopg.connect(stack.database_url) as connection:
        row = connection.execute(
            "select rolname, rolsuper from pg_roles where rolname = current_user"
        ).fetchone()

    assert row == ("postgres", False)


def test_the_dashboard_is_never_told_the_secrets_of_the_worker(stack: Stack) -> None:
    told = {name: environment_of(pid) for name, pid in parts_of(stack.process.pid).items()}

    assert stack.secret_key in told["worker"]
    assert stack.secret_key not in told["dashboard"]
    for name in ("SUPABASE_SECRET_KEY", "GOOGLE_API_KEY", "FACEBOOK_VERIFY_TOKEN"):
        assert f"{name}=\0" in told["dashboard"]


def test_the_demo_account_can_sign_in(stack: Stack) -> None:
    answer = httpx.post(
        f"{stack.url}/auth/v1/token?grant_type=password",
        headers={"apikey": stack.publishable_key},
        json={"email": stack.demo_email, "password": stack.demo_password},
    )

    assert answer.status_code == 200


def test_a_second_start_says_where_the_first_one_is(stack: Stack) -> None:
    second = run_local(stack.home, terminal="second")

    assert second.process.wait(timeout=PATIENCE) == 0
    assert f"already running: {stack.dashboard_url}" in second.said()
    assert stack.process.poll() is None


def test_reset_is_refused_while_it_runs(stack: Stack) -> None:
    reset = run_local(stack.home, "reset", terminal="reset")

    assert reset.process.wait(timeout=PATIENCE) == 1
    assert "Stop it first" in reset.said()
    assert stack.connection
