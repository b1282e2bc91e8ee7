"""This file is where the picture of the week is compared with the hours it stands for."""

import pytest

from pages._components.week import spans, told

ALL = [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("days", "start", "end", "expected"),
    [
        ([1], "09:00:00", "17:00:00", {1: [(540, 1020)]}),
        ([5], "22:00:00", "06:00:00", {5: [(1320, 1440)], 6: [(0, 360)]}),
        ([7], "22:00:00", "06:00:00", {7: [(1320, 1440)], 1: [(0, 360)]}),
        (
            [1, 2],
            "22:00:00",
            "06:00:00",
            {1: [(1320, 1440)], 2: [(0, 360), (1320, 1440)], 3: [(0, 360)]},
        ),
        ([3], "09:00:00", "00:00:00", {3: [(540, 1440)]}),
        ([3], "00:00:00", "24:00:00", {3: [(0, 1440)]}),
        ([], "09:00:00", "17:00:00", {}),
    ],
)
def test_a_span_over_midnight_belongs_to_the_day_it_starts_and_goes_on_in_the_next(
    days, start, end, expected
):
    drawn = spans(days, start, end, always=False)

    assert {day: part for day, part in enumerate(drawn, 1) if part} == expected


def test_around_the_clock_fills_the_week_whatever_the_days():
    assert spans([], "09:00:00", "17:00:00", always=True) == [[(0, 1440)]] * 7


def test_the_picture_is_told_in_words_too():
    rule = {
        "run_24_7": False,
        "active_days": ALL,
        "active_from": "22:00:00",
        "active_until": "06:00",
    }

    assert told(rule) == "22:00 to 06:00, every day (until the next day)"
    assert told({**rule, "run_24_7": True}) == "Around the clock"
