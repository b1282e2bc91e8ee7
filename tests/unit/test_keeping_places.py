"""This file is where who answers slowly is shown to leave places to whoever comes next."""

import asyncio
from dataclasses import replace

import pytest

from pipeline.model import Advance, Job, Outcome
from pipeline.places import KNOWN_FOR_SECONDS, MOST_KNOWN, Places
from pipeline.stages import Stage
from tests.providers.jobs import JOB

SENT = Advance(Stage.SENT)
SLOW, QUICK = 18.0, 0.2


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(clock: Clock) -> Places:
    return Places(lambda job: job.facebook_page_id, 2.0, clock=clock)


def of(page: str, count: int = 1) -> list[Job]:
    return [
        replace(JOB, facebook_page_id=page, rule_id=f"rule of {page}", lease_token=f"{page} {n}")
        for n in range(count)
    ]


def answer(places: Places, clock: Clock, page: str, seconds: float) -> None:
    """A call to the page ends after so long."""

    async def step(job: Job) -> Outcome:
        clock.now += seconds
        return SENT

    assert asyncio.run(places.timed(step)(*of(page))) is SENT


def told(places: Places, held: list[Job], free: int) -> tuple[dict[str, int], int]:
    """How many more of each, and of anybody else."""
    said = places.describe(held, free)
    return said["rooms"], said["room"]


def test_who_answered_quickly_may_have_all_places_but_one(places: Places, clock: Clock) -> None:
    answer(places, clock, "A", QUICK)

    assert told(places, [], 6) == ({"A": 5}, 3)
    assert told(places, of("A", 4), 2) == ({"A": 1}, 3)
    assert told(places, of("A", 5), 1) == ({"A": 0}, 3)


@pytest.mark.parametrize(("places_of_worker", "half"), [(1, 1), (2, 1), (3, 1), (6, 3), (100, 50)])
def test_who_answered_slowly_or_never_may_have_half(
    places: Places, clock: Clock, places_of_worker: int, half: int
) -> None:
    answer(places, clock, "A", SLOW)

    assert told(places, [], places_of_worker) == ({"A": half}, half)


def test_who_has_not_answered_yet_has_half_already_with_the_first_claim(places: Places) -> None:
    assert told(places, of("A", 3), 3) == ({"A": 0}, 3)


def test_a_call_under_way_that_takes_long_is_enough(places: Places, clock: Clock) -> None:
    answer(places, clock, "A", QUICK)

    async def while_under_way() -> list[dict[str, int]]:
        never = asyncio.Event()

        async def step(job: Job) -> Outcome:
            await never.wait()
            return SENT

        call = asyncio.ensure_future(places.timed(step)(*of("A")))
        await asyncio.sleep(0)
        rooms = [told(places, of("A"), 5)[0]]
        clock.now += 2.1
        rooms.append(told(places, of("A"), 5)[0])
        never.set()
        await call
        return rooms

    assert asyncio.run(while_under_way()) == [{"A": 4}, {"A": 2}]


def test_a_call_that_raises_is_over(places: Places, clock: Clock) -> None:
    async def step(job: Job) -> Outcome:
        raise ValueError("A surprise.")

    with pytest.raises(ValueError, match="A surprise"):
        asyncio.run(places.timed(step)(*of("A")))
    clock.now += 10

    assert told(places, [], 6) == ({"A": 5}, 3)


def test_several_slow_ones_leave_one_place_together(places: Places, clock: Clock) -> None:
    for page in "ABC":
        answer(places, clock, page, SLOW)

    for held in ([], of("A", 3), of("A", 3) + of("B", 2), of("A", 2) + of("B", 2) + of("C", 1)):
        rooms, of_others = told(places, held, 6 - len(held))
        assert sum(rooms.values()) + len(held) == 5
        assert of_others == 3


def test_no_slow_one_waits_for_ever_for_the_others(places: Places, clock: Clock) -> None:
    pages = [f"page {number}" for number in range(12)]
    for page in pages:
        answer(places, clock, page, SLOW / 12)
    for page in pages:
        answer(places, clock, page, 2.1)

    served = {page for _ in range(500) for page, room in told(places, [], 2)[0].items() if room > 0}

    assert served == set(pages)


def test_with_one_place_nobody_waits_for_ever(places: Places, clock: Clock) -> None:
    answer(places, clock, "A", SLOW)

    assert told(places, [], 1) == ({"A": 1}, 1)


def test_who_was_quick_a_minute_ago_is_not_known(places: Places, clock: Clock) -> None:
    answer(places, clock, "A", QUICK)
    clock.now += KNOWN_FOR_SECONDS + 1

    assert told(places, [], 6) == ({}, 3)


def test_what_is_known_stays_small(places: Places, clock: Clock) -> None:
    for number in range(MOST_KNOWN + 50):
        answer(places, clock, f"page {number}", 0.01)

    assert len(told(places, [], 6)[0]) == MOST_KNOWN


def test_a_provider_in_trouble_is_given_as_many_as_its_breaker_lets_through(clock: Clock) -> None:
    known = {"away": 0, "tried": 1, "well": 6}
    places = Places(lambda job: job.facebook_page_id, 2.0, lambda most: known, clock)
    for page in known:
        answer(places, clock, page, QUICK)

    said = places.describe(of("well", 2), 4)

    assert said["rooms"] == {"away": 0, "tried": 1, "well": 3}
    assert said["alone"] == {"away": 0, "tried": 1}
    assert said["rules"] == {"rule of well": 2}


def test_it_is_seen_who_may_have_more_waiting(places: Places, clock: Clock) -> None:
    answer(places, clock, "A", QUICK)

    for page, held, came, expected in (
        ("A", 3, 1, False),
        ("A", 3, 2, True),
        ("A", 5, 0, True),
        ("B", 0, 2, False),
        ("B", 0, 3, True),
    ):
        said = places.describe(of(page, held), 6 - held)
        assert places.is_anybody_full(said, of(page, held), of(page, came)) is expected
