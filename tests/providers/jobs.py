"""This file is where a test gets a job, and hands it to a step with the real clients."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet

from local.sandbox.serve import Sandbox
from pipeline.adapters.facebook import Facebook, create_http
from pipeline.adapters.google_ai import GoogleAi
from pipeline.lease import read_clock
from pipeline.model import Job, Outcome
from pipeline.settings import Settings
from pipeline.stages import Stage
from pipeline.steps.send import send
from pipeline.steps.settle import settle
from pipeline.steps.write import write
from pipeline.vault import Vault

TOKEN = "EAAcanaryPageToken"
PAGE = "104200000000001"
PERSON = "7700000000000001"
NOWHERE = "http://127.0.0.1:9"

JOB = Job(
    state_id=1,
    lease_token="lease",
    stage=Stage.SENDING,
    rule_id="rule",
    rule_name="Winback",
    prompt="Ask whether the cake was good.",
    language="",
    model="",
    review_before_send=False,
    contact_name="Amina Diallo",
    sender_id=PERSON,
    page_name="Corner Bakery",
    facebook_page_id=PAGE,
    encrypted_token="",
    follow_up_count=0,
    max_follow_ups=3,
    attempt=0,
    window_closes_at=datetime.now(UTC) + timedelta(days=1),
    message="Hi Amina, was the cake good?",
    attempt_id="4711",
    attempt_started_at=datetime.now(UTC),
    history=(),
    claimed_at=0.0,
    lease_seconds=30,
)


@dataclass
class Desk:
    """Takes a job through one step; every call opens and closes its own real clients."""

    sandbox: Sandbox
    settings: Settings
    seconds: float = 5.0
    vault: Vault = field(default_factory=lambda: Vault(Fernet.generate_key().decode()))

    def job(self, **values: Any) -> Job:
        """A plausible job with a token that this desk can open."""
        own = {"encrypted_token": self.vault.seal(TOKEN), "claimed_at": read_clock()}
        return replace(JOB, **{**own, **values})

    def write(self, job: Job) -> Outcome:
        """The write step against Google AI."""
        return asyncio.run(self._write(job))

    def send(self, job: Job, now: datetime | None = None) -> Outcome:
        """The send step against Facebook."""
        return asyncio.run(
            self._with_facebook(
                lambda facebook: send(job, facebook, self.vault, now or datetime.now(UTC))
            )
        )

    def settle(self, job: Job, now: datetime | None = None) -> Outcome:
        """The settle step against Facebook."""
        return asyncio.run(
            self._with_facebook(
                lambda facebook: settle(job, facebook, self.vault, now or datetime.now(UTC))
            )
        )

    async def _write(self, job: Job) -> Outcome:
        writer = GoogleAi(self.settings, self.seconds)
        try:
            return await write(job, writer)
        finally:
            await writer.aclose()

    async def _with_facebook(self, step: Any) -> Outcome:
        async with create_http(self.settings) as http:
            outcome: Coroutine[Any, Any, Outcome] = step(
                Facebook(self.settings, http, self.seconds)
            )
            return await outcome
