"""This file is where every benchmark of this package is run, the database's first."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """The modules that are benchmarks: those whose name does not start with an underscore."""
    found = {path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_")}
    return ["database", *sorted(found - {"database"})]


def main() -> int:
    """Passes its arguments on to each; 1 when one of them misses a bar or breaks."""
    missed = []
    for name in names():
        sys.stdout.write(f"\n{name}\n{'=' * len(name)}\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", f"bench.{name}", *sys.argv[1:]]
        if subprocess.run(command, cwd=HERE.parent, check=False).returncode:
            missed.append(name)
    sys.stdout.write(f"\nNot met by: {', '.join(missed)}.\n" if missed else "\nAll met.\n")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
