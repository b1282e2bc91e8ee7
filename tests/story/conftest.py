"""This file is where stories get their stage: database, gateway, sandbox, worker."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.sandbox.serve import Sandbox, serve_sandbox
from tests.builders import World
from tests.story.telling import Story


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Google AI and Facebook on a free port, without delays."""
    with serve_sandbox() as running:
        yield running


@pytest.fixture
def story(world: World, supabase: Any, sandbox: Sandbox) -> Iterator[Story]:
    """One owner with a page and an automation."""
    told = Story(world, supabase, sandbox)
    yield told
    told.close()
