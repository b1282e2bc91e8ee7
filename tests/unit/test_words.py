"""This file is where the words of the dashboard are shown to say what they mean."""

import re
from pathlib import Path

import pytest

from pages._components.words import REASONS, count, days, duration, epoch, hours, reason, run_result

PARTS = Path(__file__).parents[2] / "sql" / "parts"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (0.04, "0 s"),
        (0.4, "0.4 s"),
        (8, "8 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (130, "2 min 10 s"),
        (3600, "1 h"),
        (11520, "3 h 12 min"),
        (86400, "1 d"),
        (187200, "2 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_every_reason_the_database_gives_has_words() -> None:
    source = (PARTS / "55_eligibility.sql").read_text()
    judged = source[source.index("judged as") :]
    codes = set(re.findall(r"(?:then|else) '([a-z_0-9]+)'", judged))

    assert "window_closed" in codes
    assert codes <= set(REASONS)


def test_a_reason_nobody_knows_is_shown_not_hidden() -> None:
    assert reason("moon_is_full") == "Moon is full"
    assert reason(None) == reason("") == "No reason given"


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 contacts"), (1, "1 contact"), (1930, "1,930 contacts")]
)
def test_a_number_stands_with_its_noun(number: int, words: str) -> None:
    assert count(number, "contact") == words


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([1, 2, 3, 4, 5, 6, 7], "every day"),
        ([5, 1, 2, 3, 4], "Mon\u2013Fri"),
        ([1, 3, 6, 7], "Mon, Wed, Sat\u2013Sun"),
        ([0, 8, 2, 2], "Tue"),
        ([], "no day"),
    ],
)
def test_active_days_are_told_in_runs(chosen: list[int], words: str) -> None:
    assert days(chosen) == words


def test_active_hours_are_told_without_seconds() -> None:
    rule = {
        "run_24_7": False,
        "active_days": [1, 2, 3, 4, 5],
        "active_from": "22:00:00",
        "active_until": "06:30:00",
    }

    assert hours(rule) == "22:00 to 06:30, Mon\u2013Fri"
    assert hours({**rule, "run_24_7": True}) == "Around the clock"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"queued": 12, "already_in_flight": 3, "not_matching": 0},
            "12 contacts queued · 3 already in flight",
        ),
        (
            {"queued": 1, "already_in_flight": 0, "not_matching": 1200},
            "1 contact queued · 1,200 not matching now",
        ),
        (
            {"queued": 0, "already_in_flight": 0, "not_matching": 0},
            "Nobody to queue right now",
        ),
    ],
)
def test_what_a_run_did_is_told_in_one_line(answer: dict[str, int], words: str) -> None:
    assert run_result(answer) == words


def test_a_moment_is_the_same_in_every_zone() -> None:
    assert epoch("2026-11-22T14:00:00+01:00") == epoch("2026-11-22T13:00:00+00:00") == 1795352400
    assert epoch(None) is None
