"""This file is where every answer of Google AI is shown to be paid for, used or not."""

import pytest

from pipeline.model import Advance, Fail, Retry
from pipeline.rows import row_of
from pipeline.stages import Stage
from tests.providers.jobs import Desk


@pytest.mark.parametrize("kind", ["blocked", "prompt-blocked", "empty", "max-tokens"])
def test_an_answer_without_a_text_is_paid_for_too(desk: Desk, kind: str) -> None:
    desk.sandbox.fault("google", kind, times=2)

    outcome = desk.write(desk.job())

    assert isinstance(outcome, Fail)
    row = row_of(desk.job(stage=Stage.GENERATING), outcome)
    assert row["tokens_in"] > 0
    assert float(row["cost_usd"]) > 0
    assert row["generation_time_ms"] >= 0
    assert row["ai_model"] == desk.settings.google_model


def test_the_first_answer_is_paid_for_when_the_second_must_wait(desk: Desk) -> None:
    once = desk.write(desk.job())
    desk.sandbox.fault("google", "placeholder")
    desk.sandbox.fault("google", "unavailable")

    outcome = desk.write(desk.job())

    assert isinstance(once, Advance)
    assert isinstance(outcome, Retry)
    row = row_of(desk.job(stage=Stage.GENERATING), outcome)
    assert row["error_hint"]
    assert row["tokens_in"] == once.fields["tokens_in"]


def test_what_two_unfit_drafts_cost_is_recorded_too(desk: Desk) -> None:
    desk.sandbox.fault("google", "refusal", times=2)

    outcome = desk.write(desk.job())

    assert isinstance(outcome, Fail)
    assert float(str(outcome.fields["cost_usd"])) > 0
