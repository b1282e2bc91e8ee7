"""This file is where Supabase's own linter reads the migrated database (docs/decisions/0017)."""

import json
import subprocess
import sys

from sql.fresh import fresh_database

CLI = ("npx", "--yes", "supabase@3.1.0")
LINTER = ("db", "advisors", "--type", "all", "--level", "info", "--output-format", "json")
# What the decision page argues for; everything else must be mended.
ARGUED = {"unindexed_foreign_keys", "unused_index"}


def main() -> int:
    """Prints what is found and not argued; 1 if there is any."""
    with fresh_database() as address:
        return lint(address)


def lint(address: str) -> int:
    """The same for the database at `address`."""
    command = [*CLI, *LINTER, f"--remote={address}?sslmode=disable"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if not said.stdout.startswith("{"):
        sys.stderr.write(f"{said.stderr or said.stdout}\nThe linter did not run: it needs npx.\n")
        return 1
    results = json.loads(said.stdout)["results"]
    found = [each for each in results if each["name"] not in ARGUED]
    for each in found:
        sys.stdout.write(f"{each['level']} {each['name']}: {each['detail']}\n")
    sys.stdout.write(f"{len(found)} to mend, {len(results) - len(found)} argued for in 0017\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
