"""This file is where waiting times are shown to grow, spread, and end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Fail, Retry
from pipeline.steps.backoff import (
    LONGEST_SECONDS,
    backoff_seconds,
    chance_of,
    try_again,
    wait,
)
from tests.providers.jobs import JOB


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_half_of_every_wait_is_certain(attempt: int, chance: float) -> None:
    ceiling = min(900, 5 * 2 ** min(attempt, 20))

    assert ceiling / 2 <= backoff_seconds(attempt, chance) <= ceiling


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 2.5), (1, 5), (2, 10), (7, 320), (9, 450)])
def test_waits_double_up_to_a_quarter_of_an_hour(attempt: int, seconds: float) -> None:
    assert backoff_seconds(attempt, 0) == seconds
    assert backoff_seconds(attempt, 0.999) <= LONGEST_SECONDS


def test_contacts_that_failed_together_come_back_apart() -> None:
    chances = [chance_of(replace(JOB, state_id=state_id)) for state_id in range(1000)]

    assert all(0 <= chance < 1 for chance in chances)
    assert 400 < sum(chance < 0.5 for chance in chances) < 600
    assert chance_of(JOB) == chance_of(JOB)


def test_a_provider_who_names_a_time_is_not_asked_earlier() -> None:
    outcome = wait(JOB, "code", "Words.", "Hint.", 100)

    assert isinstance(outcome, Retry)
    assert 100 <= outcome.after_seconds <= 110
    assert not outcome.counts


def test_who_was_told_the_same_time_comes_back_apart() -> None:
    waits = {
        wait(replace(JOB, state_id=state_id), "code", "Words.", "Hint.", 100).after_seconds
        for state_id in range(100)
    }

    assert len(waits) == 100


@pytest.mark.parametrize("asked", [1e308, float("inf")])
def test_no_provider_makes_a_contact_wait_for_ever(asked: float) -> None:
    outcome = try_again(JOB, "code", "Words.", "Hint.", asked)

    assert isinstance(outcome, Retry)
    assert 86_400 <= outcome.after_seconds <= 86_400 * 1.1


def test_the_eighth_try_is_the_last() -> None:
    assert isinstance(try_again(replace(JOB, attempt=6), "code", "Words.", "Hint."), Retry)
    last = try_again(replace(JOB, attempt=7), "code", "Words.", "Hint.")

    assert isinstance(last, Fail)
    assert last.code == "code"
    assert last.hint
