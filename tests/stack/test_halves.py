"""This file is where a run in two processes is shown to tell what each of them has found."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.halves import FEWEST_FILES
from tests.running import PATIENCE, ROOT

SHARED = """
import os, pathlib, pytest

@pytest.fixture(scope="session")
def note():
    def write(name):
        with (pathlib.Path(__file__).parent / name).open("a") as file:
            file.write(f"{os.getpid()} ")
    yield write
    write("ended")
"""
FILE = """
import os, pathlib, time, pytest

FIRST = os.getpid()

def test_it(note):
    note("pids")
    # Neither has run all before the other begins.
    while len(set(pathlib.Path(__file__).with_name("pids").read_text().split())) < 2:
        time.sleep(0.01)
    %s
"""


def run(project: Path, whats: dict[int, str]) -> "subprocess.CompletedProcess[str]":
    """A run of tests that pass, but for those of some files."""
    files = project / "tests" / "unit"
    files.mkdir(parents=True)
    (project / "pytest.ini").write_text("[pytest]\n")
    (files / "conftest.py").write_text(SHARED)
    for number in range(FEWEST_FILES):
        (files / f"test_{number:02}.py").write_text(FILE % whats.get(number, "print('fine')"))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.halves", "--junit-xml=all.xml"],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_each_process_runs_some_files_and_what_both_find_is_told(tmp_path: Path) -> None:
    whats = {3: "assert 1 == 2, 'words of three'", 4: "pytest.skip('because')"}

    ran = run(tmp_path, whats)

    pids, ended = (
        (tmp_path / "tests/unit" / name).read_text().split() for name in ("pids", "ended")
    )
    assert len(pids) == FEWEST_FILES
    assert len(set(pids)) == 2
    assert sorted(ended) == sorted(set(pids))
    assert ran.returncode == 1, ran.stdout
    assert f"1 failed, {FEWEST_FILES - 2} passed, 1 skipped" in ran.stdout
    assert "words of three" in ran.stdout
    [suite] = ElementTree.parse(tmp_path / "all.xml").getroot()  # noqa: S314
    told = [suite.get(name) for name in ("tests", "failures", "skipped")]
    assert told == [str(FEWEST_FILES), "1", "1"]


def test_a_second_process_that_dies_is_no_success(tmp_path: Path) -> None:
    die = "FIRST != os.getpid() and os.kill(os.getpid(), 9)"

    ran = run(tmp_path, dict.fromkeys(range(FEWEST_FILES), die))

    assert ran.returncode == 3, ran.stdout
    assert "was not run" in ran.stdout
