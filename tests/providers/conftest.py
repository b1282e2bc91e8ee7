"""This file is where provider tests get a running sandbox."""

from dataclasses import replace

import pytest

from local.sandbox.serve import Sandbox
from pipeline.settings import Settings
from tests.providers.jobs import NOWHERE, Desk


@pytest.fixture
def desk(sandbox: Sandbox) -> Desk:
    """The steps, with the real clients pointed at the sandbox."""
    settings = Settings(
        google_api_key="sandbox",
        google_base_url=sandbox.google_url,
        facebook_graph_url=sandbox.graph_url,
    )
    return Desk(sandbox, settings)


@pytest.fixture
def hasty(desk: Desk) -> Desk:
    """A desk that waits a fifth of a second for an answer."""
    return replace(desk, seconds=0.2)


@pytest.fixture
def alone(desk: Desk) -> Desk:
    """A desk whose providers are both unreachable."""
    settings = replace(desk.settings, google_base_url=NOWHERE, facebook_graph_url=NOWHERE)
    return replace(desk, settings=settings)
