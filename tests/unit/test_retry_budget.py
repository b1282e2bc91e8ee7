"""This file is where it is shown whose repeats take a place of the retry budget (decision 0058)."""

from collections import Counter
from dataclasses import replace

from pipeline.model import Job, Retry
from pipeline.retry_budget import BUDGET_FIRST, BUDGET_MOST
from tests.providers.jobs import JOB
from tests.unit.test_breaker import SENT, away, call, guard_and_clock, people


def unreadable(job: Job) -> Retry:
    return replace(away(job), answered=True)


def test_an_answer_that_is_no_message_says_nothing_of_load_and_is_repeated_at_its_own_times() -> (
    None
):
    guard, clock = guard_and_clock()
    made: Counter[int] = Counter()
    for number in range(100):
        # Each fails for one model of its own, as for one contact, so that no breaker opens.
        job = replace(JOB, state_id=number, model=f"m-{number}")
        call(guard, job, unreadable(job))
        clock.now += 61
        again = replace(job, attempt=1)
        made["repeated"] += call(guard, again, SENT) is SENT

    assert made["repeated"] == 100


def test_what_was_unreadable_takes_no_place_from_those_who_met_a_full_provider() -> None:
    guard, clock = guard_and_clock()
    for number in range(50):
        odd = replace(JOB, state_id=number, model=f"m-{number}")
        call(guard, odd, unreadable(odd))
    full = [replace(JOB, state_id=100 + n, attempt=1, model=f"f-{n}") for n in range(20)]
    clock.now += 10

    odd_ones = [replace(JOB, state_id=n, attempt=1, model=f"n-{n}") for n in range(50)]
    assert [job.state_id for job in odd_ones if guard.refuse(job)] == []
    repeated = sum(guard.refuse(job) is None for job in full)

    assert BUDGET_FIRST <= repeated <= BUDGET_MOST
    # Once it meets a full provider, too, it is like any other.
    call(guard, odd_ones[0], away(odd_ones[0]))
    again = [replace(odd_ones[0], attempt=2, model=f"x-{n}") for n in range(20)]
    assert any(guard.refuse(job) for job in again)


def test_a_provider_whose_every_answer_is_unreadable_is_away_all_the_same() -> None:
    guard, clock = guard_and_clock()
    made = counted = 0
    for second in range(600):
        clock.now += 1
        for job in people(10):
            job = replace(job, attempt=min(second, 1))
            if guard.refuse(job) is None:
                made += 1
                told = guard.learn(job, unreadable(job))
                counted += isinstance(told, Retry) and told.counts

    assert made < 40
    assert counted == 1, "of a row of failures the provider is the cause"
