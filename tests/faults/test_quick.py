"""This file is where a small part of `make faults` runs with every other test."""

import subprocess
import sys

from tests.running import ROOT


def test_killed_workers_and_a_stopped_database_send_nothing_twice_and_lose_nobody() -> None:
    matrix = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert matrix.returncode == 0, matrix.stdout + matrix.stderr
    assert "WRONG" not in matrix.stdout
