"""This file is where the stack cannot start and says what to do."""

import socket
from pathlib import Path

import pytest

from local import binaries
from local.errors import StartError
from tests.ports import free_port
from tests.running import PATIENCE, run_local


def refusal(home: Path, *arguments: str, **environment: str) -> str:
    """What a start that must fail says; a traceback is not an answer."""
    tried = run_local(home, *arguments, **environment)
    assert tried.process.wait(timeout=PATIENCE) == 1, tried.said()
    assert "Traceback" not in tried.said()
    return tried.said()


def test_a_taken_port_is_named_with_the_way_to_another_one(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        said = refusal(tmp_path / "home", DASHBOARD_PORT=str(port))

    assert f"Port {port} is used by another program" in said
    assert "DASHBOARD_PORT=" in said


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = refusal(tmp_path / "home", STAGELIGHT_HOME=str(tmp_path / "file" / "home"))

    assert f"Cannot write to {tmp_path}/file/home" in said
    assert "STAGELIGHT_HOME" in said


def test_data_of_another_major_version_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "home" / "postgres"
    data.mkdir(parents=True, mode=0o700)
    (data / "PG_VERSION").write_text("12\n")
    (data.parent / "stack.lock").touch()

    said = refusal(tmp_path / "home")

    assert "made by PostgreSQL 12" in said
    assert "APP_PG_BIN" in said
    assert "make reset" in said
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_wrong_app_pg_bin_is_explained(tmp_path: Path) -> None:
    said = refusal(tmp_path / "home", APP_PG_BIN=str(tmp_path))

    assert f"APP_PG_BIN is {tmp_path}" in said


def test_live_mode_without_its_keys_names_them(tmp_path: Path) -> None:
    said = refusal(tmp_path / "home", SEND_MODE="live")

    assert "GOOGLE_API_KEY" in said
    assert "FACEBOOK_APP_SECRET" in said


def test_one_more_worker_needs_a_running_stack(tmp_path: Path) -> None:
    assert "make run" in refusal(tmp_path / "home", "worker")


def test_a_platform_without_binaries_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "WHEELS", ())
    monkeypatch.setattr(binaries, "SYSTEM", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StartError, match=r"APP_PG_BIN.*SUPABASE_URL"):
        binaries.find_bin()


def test_a_system_without_time_zones_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "SYSTEM_TIME_ZONES", tmp_path)

    with pytest.raises(StartError, match="tzdata"):
        binaries.check_time_zones(tmp_path / "bin")


def test_a_directory_of_somebody_else_is_not_taken_and_so_never_emptied(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    (theirs / "thesis.txt").touch()

    assert "thesis.txt" in refusal(theirs, "run")

    assert [entry.name for entry in theirs.iterdir()] == ["thesis.txt"]
    assert oct(theirs.stat().st_mode)[-3:] == "755"
    assert "nothing was deleted" in refusal(theirs, "reset")


def test_reset_deletes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for directory in (ours, theirs):
        (directory / "postgres").mkdir(parents=True)
    (ours / "stack.lock").touch()

    done = run_local(ours, "reset")

    assert done.process.wait(timeout=PATIENCE) == 0
    assert list(ours.iterdir()) == []
    again = run_local(ours, "reset")
    assert again.process.wait(timeout=PATIENCE) == 0, "a second reset is no mistake"
    assert "nothing was deleted" in refusal(theirs, "reset")
    assert (theirs / "postgres").exists()
