"""This file is where the sandbox is started, killed and started again as a process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.sandbox.serve import Sandbox, call
from tests.ports import free_port
from tests.providers.jobs import PAGE, PERSON
from tests.running import PATIENCE, until

ROOT = Path(__file__).parents[2]


@contextmanager
def started(home: Path, *more: str) -> Iterator[tuple[Sandbox, "subprocess.Popen[str]"]]:
    port = free_port()
    process = start("--port", str(port), "--home", str(home), *more)
    sandbox = Sandbox(f"http://127.0.0.1:{port}")
    try:
        until(lambda: process.poll() is not None or answers(sandbox))
        yield sandbox, process
    finally:
        process.kill()
        process.communicate()


def start(*arguments: str, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "local.sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answers(sandbox: Sandbox) -> bool:
    try:
        return call("GET", f"{sandbox.url}/health").status_code == 200
    except httpx.TransportError:
        return False


def send(sandbox: Sandbox, text: str) -> None:
    body = {
        "recipient": {"id": PERSON},
        "messaging_type": "RESPONSE",
        "message": {"text": text},
    }
    headers = {"Authorization": "Bearer token"}
    address = f"{sandbox.graph_url}/{PAGE}/messages"
    call("POST", address, json=body, headers=headers).raise_for_status()


def test_received_messages_outlive_a_kill_and_half_a_line(tmp_path: Path) -> None:
    with started(tmp_path, "--graph-delay", "0") as (sandbox, process):
        send(sandbox, "first")
        before = sandbox.messages()
        process.kill()
    with (tmp_path / "facebook-messages.jsonl").open("a") as file:
        file.write('{"message_id": "m_half')

    with started(tmp_path, "--graph-delay", "0") as (sandbox, process):
        assert sandbox.messages() == before
        send(sandbox, "second")
    with started(tmp_path) as (sandbox, _):
        assert [row["text"] for row in sandbox.messages()] == ["first", "second"]
        assert (tmp_path / "facebook-messages.jsonl").stat().st_mode & 0o077 == 0


def test_it_ends_at_once_on_sigterm_even_with_a_hanging_call(tmp_path: Path) -> None:
    with started(tmp_path, "--graph-delay", "0") as (sandbox, process):
        sandbox.fault("facebook", "hang")
        with pytest.raises(httpx.ReadTimeout):
            call(
                "POST",
                f"{sandbox.graph_url}/{PAGE}/messages",
                json={
                    "recipient": {"id": PERSON},
                    "messaging_type": "RESPONSE",
                    "message": {"text": "x"},
                },
                headers={"Authorization": "Bearer token"},
                timeout=0.2,
            )
        process.terminate()
        assert process.wait(timeout=PATIENCE) is not None


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["--port", "x"], {}, "not a port number"),
        (["--port", "70000"], {}, "not a port number"),
        (["--ai-delay", "quick"], {}, "not a delay"),
        (["--graph-delay", "2,1"], {}, "not a delay"),
        ([], {"SANDBOX_AI_DELAY": "1,2,3"}, "not a delay"),
    ],
)
def test_a_wrong_flag_is_explained(
    arguments: list[str], environ: dict[str, str], words: str
) -> None:
    _, told = start(*arguments, **environ).communicate(timeout=PATIENCE)

    assert words in told
    assert "Traceback" not in told


def test_a_taken_port_and_an_unusable_folder_are_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with started(tmp_path) as (sandbox, _):
        port = sandbox.url.rpartition(":")[2]
        taken = start("--port", port)
        folder = start("--port", str(free_port()), "--home", str(tmp_path / "file" / "below"))
        told = [process.communicate(timeout=PATIENCE)[1] for process in (taken, folder)]

    assert told[0] == f"Port {port} is taken. Choose another one with --port.\n"
    assert "Cannot write to" in told[1]


def test_help_lists_variables_recipients_and_faults() -> None:
    told, _ = start("--help").communicate(timeout=PATIENCE)

    for word in ("SANDBOX_AI_DELAY", "551", "/faults", "FACEBOOK_APP_SECRET"):
        assert word in told
