"""This file is where assets that one page loads with itself get their addresses."""

from functools import cache
from hashlib import sha256
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "assets"


@cache
def versioned(name: str) -> str:
    """The address of an asset; another content has another address."""
    digest = sha256((ASSETS / name).read_bytes()).hexdigest()[:12]
    return f"/assets/{name}?v={digest}"
