"""This file is where active hours are compared with what the contact's own clock shows."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.database.acting import call

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
QUARTER = timedelta(minutes=15)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
]
# The nights around the changes of Berlin, New York, St. John's and Lord Howe, and any other.
NIGHTS = [
    datetime(2026, *day, tzinfo=UTC)
    for day in [(3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31), (7, 1)]
]


def asked(world, days, start, end, zone, now):
    [answer] = call(
        world.connection,
        "active_hours",
        p_days=days,
        p_from=start,
        p_until=end,
        p_zone=zone,
        p_now=now,
    )
    return answer["open_now"], answer["next_open_at"]


def clock_says_open(days, start, end, zone, now):
    """The model: what a person with a watch would say, who knows nothing of moments."""
    local = now.astimezone(ZoneInfo(zone))
    today, clock = local.isoweekday(), local.time()
    yesterday = today - 1 or 7
    if start < end:
        return today in days and start <= clock < end
    return (today in days and clock >= start) or (yesterday in days and clock < end)


def clock_runs_twice(zone, now):
    """Whether the local hour is one that autumn repeats."""
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    both = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1)}
    return len(both) == 2


# Small hours more often than others: there the clocks change.
quarters = st.builds(time, st.integers(0, 3) | st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
moments = st.builds(
    lambda night, hours, seconds: night + timedelta(hours=hours, seconds=seconds),
    st.sampled_from(NIGHTS),
    st.sampled_from([15, 25, 30]) | st.integers(0, 72),
    st.integers(-5400, 5400),
)
spans = st.tuples(
    st.sets(st.sampled_from(EVERY_DAY), min_size=1).map(sorted),
    quarters,
    quarters,
    st.sampled_from(ZONES),
)


@settings(max_examples=250)
@given(spans, moments)
@example(([7], time(2, 30), time(3), "Europe/Berlin"), datetime(2026, 3, 29, 0, tzinfo=UTC))
@example(([7], time(2), time(2, 30), "Europe/Berlin"), datetime(2026, 10, 25, 0, 45, tzinfo=UTC))
def test_open_means_that_the_contacts_clock_is_inside_the_hours(shared_world, span, now):
    assume(span[1] != span[2])

    open_now, next_open_at = asked(shared_world, *span, now)

    assert open_now == clock_says_open(*span, now)
    assert next_open_at > now
    assert clock_says_open(*span, next_open_at)


@settings(max_examples=60)
@given(spans, moments)
@example(([7], time(2), time(3), "Europe/Berlin"), datetime(2026, 10, 24, 22, tzinfo=UTC))
def test_the_next_opening_is_the_first_one(shared_world, span, now):
    assume(span[1] != span[2])
    assume(not clock_says_open(*span, now))

    _, next_open_at = asked(shared_world, *span, now)

    moment = now.replace(minute=now.minute // 15 * 15) + QUARTER
    while moment < next_open_at:
        # Hours that end inside the repeated hour are not taken up again when the clock goes back.
        assert clock_runs_twice(span[3], moment) or not clock_says_open(*span, moment)
        moment += QUARTER


@pytest.mark.parametrize(
    ("zone", "now", "opens"),
    [
        ("Europe/Berlin", "2026-03-28T20:00Z", "2026-03-29T07:00Z"),
        ("Europe/Berlin", "2026-10-24T20:00Z", "2026-10-25T08:00Z"),
        ("America/New_York", "2026-03-08T02:00Z", "2026-03-08T13:00Z"),
        ("America/New_York", "2026-11-01T02:00Z", "2026-11-01T14:00Z"),
        ("Asia/Kolkata", "2026-06-01T00:00Z", "2026-06-01T03:30Z"),
        ("Asia/Kathmandu", "2026-06-01T00:00Z", "2026-06-01T03:15Z"),
    ],
)
def test_nine_in_the_morning_is_nine_on_the_contacts_clock(shared_world, zone, now, opens):
    open_now, next_open_at = asked(
        shared_world, EVERY_DAY, time(9), time(20), zone, datetime.fromisoformat(now)
    )

    assert not open_now
    assert next_open_at == datetime.fromisoformat(opens)


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-06-05T21:59:59Z", False),
        ("2026-06-05T22:00:00Z", True),
        ("2026-06-06T05:59:59Z", True),
        ("2026-06-06T06:00:00Z", False),
        ("2026-06-06T22:00:00Z", False),
    ],
    ids=["a second early", "opens", "next morning", "closes", "the next night is Saturday's"],
)
def test_hours_over_midnight_belong_to_the_day_they_start(shared_world, now, is_open):
    friday = [5]

    open_now, _ = asked(shared_world, friday, time(22), time(6), "UTC", datetime.fromisoformat(now))

    assert open_now is is_open


def test_hours_until_midnight_end_at_midnight(shared_world):
    for now, is_open in (("2026-06-05T23:59:59Z", True), ("2026-06-06T00:00:00Z", False)):
        open_now, _ = asked(shared_world, [5], time(9), time(0), "UTC", datetime.fromisoformat(now))
        assert open_now is is_open


def test_no_active_day_never_opens(shared_world):
    assert asked(shared_world, [], time(9), time(20), "UTC", NIGHTS[0]) == (False, None)
