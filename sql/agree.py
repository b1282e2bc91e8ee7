"""This file is where Supabase's own CLI pushes the migration into the embedded database."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local.bootstrap import MIGRATION, migrate
from sql.advisors import CLI, lint
from sql.fresh import fresh_database

VERSION = "20261101000000"
PUSH, LIST = ("db", "push", "--yes"), ("migration", "list")
# What each call must say; the second push has nothing to do.
CALLS = (
    (PUSH, "Finished supabase db push."),
    (LIST, f"| `{VERSION}`"),
    (PUSH, "Remote database is up to date."),
)


def main() -> int:
    """1 when the CLI does not do with this database what it does with a hosted one."""
    with tempfile.TemporaryDirectory() as project, fresh_database(migrated=False) as address:
        migrations = Path(project) / "supabase" / "migrations"
        migrations.mkdir(parents=True)
        copy = migrations / f"{VERSION}_{MIGRATION.name.replace('-', '_')}"
        copy.write_bytes(MIGRATION.read_bytes())
        for arguments, expected in CALLS:
            said = _call(arguments, address, project)
            if expected not in said:
                sys.stderr.write(f"{said}\n`{' '.join(arguments)}` did not say: {expected}\n")
                return 1
            sys.stdout.write(f"{' '.join(arguments)}: {expected}\n")
        # What was pushed may be pasted over, too.
        migrate(address)
        return lint(address)


def _call(arguments: Sequence[str], address: str, project: str) -> str:
    command = [*CLI, *arguments, "--db-url", f"{address}?sslmode=disable"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


if __name__ == "__main__":
    sys.exit(main())
