"""This file is where tests of the receiver get one, on a database of their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.telling import Facebook


@pytest.fixture
def facebook(tmp_path: Path, supabase: Any) -> Iterator[Facebook]:
    """Facebook, and a receiver that it posts to."""
    telling = Facebook(tmp_path / "home", supabase)
    yield telling
    telling.close()


@pytest.fixture
def page(world: Any) -> Any:
    """A connected page."""
    return world.page(world.user())
