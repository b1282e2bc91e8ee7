"""This file is where a provider's outage is shown to cost few calls, no tries, and no burst."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from pages._components.causes import CAUSES
from pipeline.breaker import PUT_OFF, Guard
from pipeline.model import Advance, Fail, Job, Outcome, Retry
from pipeline.retry_budget import ALONE_SECONDS, BUDGET_FIRST, BUDGET_MOST, WELL_IN_A_ROW
from pipeline.stages import Stage
from pipeline.steps.backoff import wait_for_provider
from tests.providers.jobs import JOB

SENT = Advance(Stage.SENT)
UNCLEAR = Fail("outcome_unknown", "Words.", "Hint.", unknown=True)
NOT_FOUND = Fail("outcome_unknown", "Words.", "Hint.")


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def guard_and_clock() -> tuple[Guard, Clock]:
    clock = Clock()
    return Guard(lambda job: job.model, clock), clock


def room(guard: Guard) -> int:
    """How many calls to the one model may be under way, of six."""
    return guard.rooms(6).get(JOB.model, 6)


def away(job: Job, seconds: float = 0.0) -> Retry:
    return wait_for_provider(job, "ai_unavailable", "Google AI is not available.", "Wait.", seconds)


def test_a_put_off_contact_is_told_why_and_what_to_do() -> None:
    assert set(PUT_OFF) <= set(CAUSES)
    for message, hint in PUT_OFF.values():
        assert message.endswith(".")
        assert hint.endswith(".")


def call(guard: Guard, job: Job, outcome: Outcome) -> Outcome:
    return guard.refuse(job) or guard.learn(job, outcome)


def people(count: int) -> list[Job]:
    return [replace(JOB, state_id=number) for number in range(count)]


def test_an_outage_of_ten_minutes_uses_up_no_tries_and_is_over_within_two() -> None:
    guard, clock = guard_and_clock()
    calls = tries = 0
    jobs = iter(people(8000))
    while clock.now < 600:
        for job in islice(jobs, room(guard)):
            if guard.refuse(job):
                continue
            outcome = guard.learn(job, away(job))
            assert isinstance(outcome, Retry)
            calls, tries = calls + 1, tries + outcome.counts
        clock.now += 0.5
    ended = clock.now
    while room(guard) < 6:
        for job in people(room(guard)):
            call(guard, job, SENT)
        clock.now += 0.5

    assert calls < 30
    assert tries <= 1
    assert clock.now - ended < 120


def test_what_comes_after_an_outage_comes_slowly() -> None:
    guard, clock = guard_and_clock()
    for job in people(6):
        guard.learn(job, away(job))
    clock.now += 61
    rooms = []
    for _ in range(12):
        rooms.append(room(guard))
        guard.learn(JOB, SENT)

    assert rooms == [1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6]


def test_one_contact_that_fails_among_others_uses_up_its_tries() -> None:
    guard, _ = guard_and_clock()
    guard.learn(JOB, SENT)

    outcome = guard.learn(JOB, away(JOB))

    assert isinstance(outcome, Retry)
    assert outcome.counts
    assert room(guard) == 6


def test_a_daily_quota_stops_one_model_until_its_reset_and_no_other() -> None:
    guard, clock = guard_and_clock()
    spent, other = replace(JOB, model="gemini-3.8-flash"), replace(JOB, model="")

    first = guard.learn(spent, away(spent, 36_000.0))
    clock.now += 35_000
    later = guard.refuse(spent)

    assert isinstance(first, Retry)
    assert not first.counts
    assert later is not None
    assert not later.counts
    assert later.after_seconds >= 1000
    assert guard.room(6) == 6, "somebody may want a model that was never called"
    assert call(guard, other, SENT) is SENT
    assert guard.rooms(6) == {spent.model: 0, other.model: 6}
    clock.now += 2_000 + 3_600
    assert guard.refuse(spent) is None


def test_while_a_model_is_away_contacts_who_want_it_are_left_where_they_are() -> None:
    guard, clock = guard_and_clock()
    guard.learn(JOB, away(JOB, 36_000.0))
    rooms = set()
    while clock.now < 36_000:
        rooms.add(room(guard))
        clock.now += 10
    clock.now *= 2

    assert rooms == {0}
    assert room(guard) == 1


def facebook_and_clock() -> tuple[Guard, Clock]:
    clock = Clock()
    return Guard(clock=clock, opens_after=5), clock


def test_unclear_sends_open_the_breaker_until_their_messages_are_found() -> None:
    guard, clock = facebook_and_clock()
    for job in people(6):
        guard.learn(job, UNCLEAR)
    closed = guard.room(6)
    clock.now += 1
    for job in people(5):
        guard.hear(job, SENT)

    assert closed == 0
    assert guard.room(6) == 6


def test_ten_minutes_without_facebook_leave_few_sends_of_which_nobody_knows() -> None:
    guard, clock = facebook_and_clock()
    unclear = 0
    while clock.now < 600:
        for job in people(guard.room(6)):
            guard.learn(job, UNCLEAR)
            guard.hear(job, NOT_FOUND)
            unclear += 1
        clock.now += 0.5

    assert 10 <= unclear <= 25


def storm(guard: Guard, calls: int, is_failing: Callable[[int], bool]) -> Counter[int]:
    """How many first calls and how many repeated ones are made, when as many want to be."""
    made: Counter[int] = Counter()
    for number in range(calls):
        job = replace(JOB, state_id=number, attempt=number % 2)
        if guard.refuse(job) is None:
            made[job.attempt] += 1
            guard.learn(job, away(job) if is_failing(number) else SENT)
    return made


def test_repeated_calls_are_a_tenth_at_most_while_some_fail() -> None:
    guard, _ = guard_and_clock()

    made = storm(guard, 4000, lambda number: number % 20 == 0)

    assert made[0] == 2000
    assert 0.09 * 2000 <= made[1] <= 0.1 * 2000 + BUDGET_MOST


def test_where_there_are_few_calls_a_quiet_hour_gives_three_repeated_ones_and_a_minute_one() -> (
    None
):
    few, clock = guard_and_clock()
    storm(few, 40, lambda number: number % 20 == 0)
    clock.now += 3600

    at_once = sum(few.refuse(replace(JOB, attempt=1)) is None for _ in range(50))
    clock.now += 61
    a_minute_later = sum(few.refuse(replace(JOB, attempt=1)) is None for _ in range(50))

    assert (at_once, a_minute_later) == (BUDGET_FIRST, 1)


def test_in_a_storm_of_few_calls_repeated_ones_are_a_tenth_and_one_a_minute() -> None:
    guard, clock = guard_and_clock()
    made: Counter[int] = Counter()
    for number in range(400):
        clock.now += 1
        for attempt in (0, 1):
            job = replace(JOB, state_id=number, attempt=attempt)
            if guard.refuse(job) is None:
                made[attempt] += 1
                guard.learn(job, away(job) if number % 10 == 0 else SENT)

    assert made[0] > 300
    assert made[1] <= 0.1 * made[0] + BUDGET_FIRST + clock.now / 60


def test_one_contact_alone_that_fails_is_repeated_whenever_its_time_has_come() -> None:
    guard, clock = guard_and_clock()
    late = []
    for attempt in range(1, 6):
        job = replace(JOB, attempt=attempt - 1)
        outcome = guard.learn(job, away(job))
        assert isinstance(outcome, Retry)
        clock.now += outcome.after_seconds
        waited = 0.0
        while put_off := guard.refuse(replace(JOB, attempt=attempt)):
            clock.now += put_off.after_seconds
            waited += put_off.after_seconds
        late.append(waited)

    assert late[:3] == [0.0, 0.0, 0.0]
    assert max(late) <= 60


def test_when_only_repeated_calls_are_left_and_go_well_nobody_waits_for_a_minute() -> None:
    guard, clock = guard_and_clock()
    storm(guard, 40, lambda number: number % 20 == 0)
    clock.now += ALONE_SECONDS + 180

    made = sum(
        call(guard, replace(JOB, state_id=number, attempt=1), SENT) is SENT for number in range(100)
    )

    assert made == 100


def test_who_waits_for_a_place_is_told_when_its_turn_will_be() -> None:
    guard, clock = guard_and_clock()
    waiting = [(replace(JOB, state_id=number, attempt=1), 0.0) for number in range(100)]
    put_off = made = 0
    while waiting and clock.now < 3600:
        clock.now = min(at for _, at in waiting)
        due = [job for job, at in waiting if at <= clock.now]
        waiting = [(job, at) for job, at in waiting if at > clock.now]
        for job in due:
            if outcome := guard.refuse(job):
                put_off += 1
                waiting.append((job, clock.now + outcome.after_seconds))
            else:
                made += 1
                guard.learn(job, SENT if made % 5 else away(job))

    assert made == 100
    assert clock.now < 1500
    assert put_off < 1000, "nobody is looked at more often than once a minute"


def test_when_all_goes_well_again_everybody_who_waited_is_repeated() -> None:
    guard, _ = guard_and_clock()
    storm(guard, 400, lambda number: number % 20 == 0)
    waiting = [replace(JOB, state_id=number, attempt=1) for number in range(100)]

    in_the_storm = sum(guard.refuse(job) is None for job in waiting)
    for job in people(WELL_IN_A_ROW):
        call(guard, job, SENT)
    afterwards = sum(guard.refuse(job) is None for job in waiting)

    assert (in_the_storm < 10, afterwards) == (True, 100)


def test_retries_that_had_to_wait_come_back_apart() -> None:
    guard, _ = guard_and_clock()
    for job in people(3):
        guard.learn(job, away(job))

    refused = [guard.refuse(job) for job in people(50)]
    waits = {outcome.after_seconds for outcome in refused if outcome is not None}

    assert len(waits) == 50
    assert max(waits) <= 2 * min(waits) + 5
