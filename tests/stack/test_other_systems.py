"""This file is where every module is imported without what only Linux and macOS have.

It stands in for Windows as far as Linux can: nothing of this product has been run there.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HIDDEN = "import sys; sys.modules |= dict.fromkeys(('fcntl', 'pwd', 'grp'));"
IMPORT_ALL = """
import importlib, pkgutil, api, local, pages, pipeline
names = [
    module.name
    for package in (api, local, pages, pipeline)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
for name in names:
    # Pages register themselves with the dashboard, which is not there.
    if not name.startswith("pages.") or "._" in name:
        importlib.import_module(name)
print(len(names))
"""
RUN = "import runpy; sys.argv[1:] = {!r}; runpy.run_module('local', run_name='__main__')"


def python(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HIDDEN + code],
        cwd=ROOT,
        env={"STAGELIGHT_HOME": str(home), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_can_be_imported_without_flock_and_accounts(tmp_path: Path) -> None:
    imported = python(IMPORT_ALL, tmp_path / "home")

    assert imported.returncode == 0, imported.stderr
    assert int(imported.stdout) > 150


def test_help_is_given_and_a_start_is_refused_with_the_way_out(tmp_path: Path) -> None:
    helped = python(RUN.format(["--help"]), tmp_path / "home")
    started = python(RUN.format(["run"]), tmp_path / "home")

    assert (helped.returncode, helped.stderr) == (0, "")
    assert "start everything that is needed" in helped.stdout
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr.startswith("The embedded stack and the receiver need flock")
    assert "WSL 2" in started.stderr
