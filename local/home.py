"""This file is where the state directory is kept: who owns it, its secrets, what tools may read."""

import os
import secrets
import shutil
import string
from pathlib import Path
from typing import IO, Any

from cryptography.fernet import Fernet

from local.errors import StartError
from local.files import read_json, write_private_json
from pipeline.locks import NoLocksError, lock

# What a dashboard and a receiver for SUPABASE_URL keep here; they do not take the directory.
WITHOUT_A_STACK = frozenset({"sessions.db", "sessions.db-shm", "sessions.db-wal", "receiver"})
NEEDED_BYTES = 300 * 1024 * 1024
RESTORING = "restore.unfinished"
DEMO_EMAIL = "demo@example.com"


class Home:
    """The directory STAGELIGHT_HOME (0700): everything the stack remembers."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.connection_file = self.path / "connection.json"
        self.gateway_file = self.path / "gateway.json"
        self.token_key_file = self.path / "jwt.json"
        self.logs = self.path / "logs"
        self._secrets_file = self.path / "secrets.json"
        self._seeded_file = self.path / "seeded"
        self._lock_file = self.path / "stack.lock"
        self._restoring_file = self.path / RESTORING
        self._lock: IO[str] | None = None

    def open(self) -> bool:
        """Takes the directory, making it on first use; False when another process has it.

        Raises StartError for one with other people's files, which a reset would take along.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_strangers()
            self.path.chmod(0o700)
            self._lock = self._lock_file.open("a+")
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StartError(
                f"Cannot write to {self.path}: {error.strerror}. Give this user the right to, or "
                "set STAGELIGHT_HOME to another directory."
            ) from error
        try:
            lock(self._lock)
        except BlockingIOError:
            self.close()
            return False
        except NoLocksError as error:
            self.close()
            raise StartError(str(error)) from error
        self._check_space()
        return True

    def close(self) -> None:
        """Lets another process have the directory; the end of this one does so too."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secrets(self) -> dict[str, str]:
        """Keys and passwords of this installation, made once."""
        kept = read_json(self._secrets_file)
        made = {
            "publishable_key": "sb_publishable_" + secrets.token_urlsafe(24),
            "secret_key": "sb_secret_" + secrets.token_urlsafe(24),
            "token_encryption_key": Fernet.generate_key().decode(),
            "session_secret": secrets.token_urlsafe(48),
            "facebook_app_secret": secrets.token_hex(16),
            "facebook_verify_token": secrets.token_hex(16),
            "demo_email": DEMO_EMAIL,
            "demo_password": _typable_password(),
        }
        if missing := set(made) - set(kept):
            kept |= {name: made[name] for name in missing}
            write_private_json(self._secrets_file, kept)
        return kept

    @property
    def connection(self) -> dict[str, Any]:
        """What a running stack offers to tools; empty when none runs."""
        return read_json(self.connection_file)

    @property
    def seeded(self) -> bool:
        """True after the first start has put the demo data in."""
        return self._seeded_file.exists()

    def mark_seeded(self) -> None:
        """Never again, even if the user deletes the demo data."""
        self._seeded_file.touch(mode=0o600)

    def empty(self) -> None:
        """Deletes everything here, which `open` must have given to this process."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def looks_like_ours(self) -> bool:
        """True when a stack has lived here, or nothing is: emptying it deletes nobody's files."""
        return self._lock_file.exists() or not self._others()

    @property
    def half_restored(self) -> bool:
        """True when a restore was killed: what is here is a part of a backup."""
        return self._restoring_file.exists()

    def begin_restore(self) -> None:
        """Says on the disk, before anything else is there, that it is not whole yet."""
        with self._restoring_file.open("w") as mark:
            mark.write("A restore has begun and not ended.\n")
            mark.flush()
            os.fsync(mark.fileno())

    def end_restore(self) -> None:
        """It is whole, or gone."""
        self._restoring_file.unlink(missing_ok=True)

    def _others(self) -> list[str]:
        return sorted({entry.name for entry in self.path.iterdir()} - WITHOUT_A_STACK)

    def _refuse_strangers(self) -> None:
        if not self.looks_like_ours():
            raise StartError(
                f"{self.path} is not empty, and Stagelight did not make it: "
                f"{', '.join(self._others()[:5])}. Set STAGELIGHT_HOME to an empty directory; "
                "nothing was changed."
            )

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise StartError(
                f"Only {free // 1024**2} MB are free where {self.path} is; PostgreSQL needs about "
                f"{NEEDED_BYTES // 1024**2} MB. Make room, or set STAGELIGHT_HOME to another disk."
            )


def _typable_password() -> str:
    letters = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(letters) for _ in range(12))
