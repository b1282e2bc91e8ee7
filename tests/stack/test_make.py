"""This file is where `make` explains itself."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(
    directory: Path, *arguments: str, path: str = "/usr/bin:/bin"
) -> "subprocess.CompletedProcess[str]":
    """What `make ...` says and how it ends."""
    return subprocess.run(
        ["make", "-f", ROOT / "Makefile", *arguments],
        cwd=directory,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_what_there_is() -> None:
    listed = make(ROOT).stdout

    assert [line.split()[0] for line in listed.splitlines()][:3] == ["help", "run", "worker"]
    assert all(len(line.split()) > 2 for line in listed.splitlines())


def test_an_old_python_is_named_before_anything_is_installed(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").touch()
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)

    told = make(tmp_path, ".venv/.installed", path=f"{tmp_path}:/usr/bin:/bin")

    assert told.returncode != 0
    assert "python3 is Python 3.9.2, but 3.11 or newer is needed" in told.stderr
    assert not (tmp_path / ".venv").exists()
