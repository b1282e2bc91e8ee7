"""This file is where tests look at processes, as `ps` does."""

from pathlib import Path

KINDS = {
    "gateway": "local.gateway",
    "sandbox": "local.sandbox",
    "receiver": "api",
    "worker": "pipeline",
    "dashboard": "app.py",
    "PostgreSQL": "postgres",
}


def running(pid: int) -> bool:
    """True while `pid` does something; a corpse that nobody has buried does not count."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in listed.split()]


def descendants(pid: int) -> set[int]:
    """All that `pid` has started, and what those have started."""
    below = children(pid)
    return set(below).union(*(descendants(child) for child in below))


def parts_of(pid: int) -> dict[str, int]:
    """The stack's children by name, as far as they have become what they are to be."""
    found = {}
    for child in children(pid):
        words = _command(child)
        for name, word in KINDS.items():
            # launch.py is what every child is for its first moments.
            became = running(child) and not any(part.endswith("launch.py") for part in words)
            if became and any(part == word or part.endswith(f"/{word}") for part in words[:3]):
                found[name] = child
    return found


def environment_of(pid: int) -> str:
    """What `pid` was told."""
    return Path(f"/proc/{pid}/environ").read_text()


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
