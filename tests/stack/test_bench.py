"""This file is where benchmarks are run in small: they work when they are needed."""

import subprocess
import sys

import pytest

from tests.running import ROOT

ROWS = (
    "stage cards of one automation",
    "live stats of one automation",
    "live stats of all automations",
    "monitor of one automation, 100 cards",
    "dry run of one automation",
    "claim of 200 with one long queue and a newcomer",
    "claim of 200 with 1,100 queued on 101 pages",
    "of a new tenant's contacts in the first claim",
    "bookkeeping, batches of 100 over 1 automation",
)


@pytest.fixture(scope="module")
def told() -> str:
    """What it prints; its times are those of a test machine, so missing a bar is no fault."""
    command = [sys.executable, "-m", "bench.database", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def line_of(told: str, what: str) -> str:
    [line] = [line for line in told.splitlines() if line.strip().startswith(what)]
    return line


@pytest.mark.parametrize("what", ROWS)
def test_every_measure_has_its_line(told: str, what: str) -> None:
    assert any(character.isdigit() for character in line_of(told, what).removeprefix(what))


def test_it_says_what_was_missed_or_that_nothing_was(told: str) -> None:
    assert ("NOT MET: " in told) != ("Every bar is met." in told)


def test_no_measured_query_reads_history(told: str) -> None:
    lines = [line for line in told.splitlines() if "reads the history" in line]

    assert len(lines) == 5
    assert all(line.endswith(" met") for line in lines), told


def test_the_gateways_benchmark_tells_a_line_per_bar() -> None:
    command = [sys.executable, "-m", "bench.gateway", "--quick"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode in (0, 1), done.stderr
    for bar in ("3 x direct + 1 ms", ">= 1000/s", ">= 800/s", "<= 80 MB"):
        assert bar in done.stdout
