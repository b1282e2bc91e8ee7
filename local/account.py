"""This file is where it is decided as whom PostgreSQL runs: it refuses to run as root."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from local.binaries import major_of
from local.errors import StartError

LAUNCH = Path(__file__).with_name("launch.py")
SHARED_TREES = Path("/var/lib/stagelight")
STARTS_FROM_INSIDE = 16  # older ones walk away from the directory they are started in


@dataclass(frozen=True, slots=True)
class Account:
    """How the server is started: as we are, as root in a namespace, or as another user."""

    user_namespace: bool = False
    uid: int | None = None
    gid: int | None = None

    def command(self, *command: str | Path, signal: str = "SIGINT") -> list[str]:
        """`command`, started through launch.py; it gets `signal` when this process is gone."""
        rights = ["--user-namespace"] if self.user_namespace else []
        if self.uid is not None:
            rights = ["--uid", str(self.uid), "--gid", str(self.gid)]
        launch = [sys.executable, "-I", "-S", str(LAUNCH), "--parent", str(os.getpid())]
        return [*launch, "--signal", signal, *rights, "--", *map(str, command)]

    @property
    def switched(self) -> bool:
        """True when it may not walk where we may; root in a namespace has lost that power too."""
        return self.user_namespace or self.uid is not None

    def own(self, directory: Path) -> None:
        """Hands `directory` (or a file) to this account, where it is another one."""
        if self.uid is None or self.gid is None or directory.stat().st_uid == self.uid:
            return
        for path in (directory, *directory.rglob("*")):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def inside(self, directory: Path) -> Path:
        """`directory` as this account names it when it is started there.

        It cannot walk through our private home, but it can be put inside.
        """
        return Path("/proc/self/cwd") if self.switched else directory

    def reachable(self, bin_dir: Path) -> Path:
        """`bin_dir`, or a copy where this account may not read it (a venv in a private home)."""
        if self.uid is not None and major_of(bin_dir) < STARTS_FROM_INSIDE:
            raise StartError(
                f"{bin_dir} cannot be started by root here: that needs PostgreSQL "
                f"{STARTS_FROM_INSIDE} or newer (APP_PG_BIN), or a start as another user."
            )
        if not self.switched or self._can_run(bin_dir / "postgres"):
            return bin_dir
        tree = bin_dir.parent
        copy = SHARED_TREES / f"postgres-{tree.stat().st_mtime_ns}"
        if not (copy / "bin").is_dir():
            unfinished = copy.with_suffix(f".{os.getpid()}")
            if not SHARED_TREES.exists():
                SHARED_TREES.mkdir(parents=True)
                SHARED_TREES.chmod(0o755)  # whatever the umask says
            shutil.copytree(tree, unfinished, symlinks=True)
            unfinished.chmod(0o755)
            unfinished.rename(copy)
        return copy / "bin"

    def _can_run(self, program: Path) -> bool:
        command = self.command(program, "-V", signal="SIGKILL")
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def choose_account(data: Path) -> Account:
    """The account for the data directory `data`; one that exists keeps its owner."""
    if os.geteuid() != 0:
        return Account()
    if not sys.platform.startswith("linux"):
        raise StartError("PostgreSQL does not run as root. Start this as your own user.")
    owner = data.stat().st_uid if data.exists() else 0
    if owner != 0:
        return Account(uid=owner, gid=data.stat().st_gid)
    if user_namespaces_work():
        return Account(user_namespace=True)
    return unprivileged_account()


@cache
def user_namespaces_work() -> bool:
    """True where root may make itself look like `nobody` (Linux, unless a container forbids it)."""
    command = Account(user_namespace=True).command("/bin/true")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unprivileged_account() -> Account:
    """The system's `postgres`, else `nobody`."""
    import pwd  # Windows has none, and no root that would come here

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise StartError(
        "PostgreSQL does not run as root, and there is no account named postgres or nobody. "
        "Run this as another user."
    )
