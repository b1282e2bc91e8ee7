"""This file is where stories get their stage: database, gateway, sandbox, worker."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.sandbox.serve import Sandbox
from tests.builders import World
from tests.story.telling import Story


@pytest.fixture
def story(world: World, supabase: Any, sandbox: Sandbox) -> Iterator[Story]:
    """One owner with a page and an automation."""
    told = Story(world, supabase, sandbox)
    yield told
    told.close()
