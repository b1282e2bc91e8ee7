"""This file is where provider tests get a running sandbox."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from local.sandbox.serve import Sandbox, serve_on_thread
from local.sandbox.server import create_sandbox
from pipeline.settings import Settings
from tests.providers.jobs import NOWHERE, Desk


class Renewed:
    """One server whose application every test replaces: uvicorn takes 0.2 s to end."""

    def __init__(self) -> None:
        self.application: ASGIApp = create_sandbox()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.application(scope, receive, send)


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Renewed, Sandbox]]:
    """The server of all provider tests."""
    renewed = Renewed()
    with serve_on_thread(renewed) as running:
        yield renewed, running


@pytest.fixture
def sandbox(served: tuple[Renewed, Sandbox]) -> Sandbox:
    """Google AI and Facebook without delays, as if nothing had happened yet."""
    served[0].application = create_sandbox()
    return served[1]


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
