"""This file is where the words on the pages are tested."""

import pytest

from pages._components.words import REASONS, count, days, duration, hours, reason, run_result, tags

RULE = {
    "include_tags": ["class", "asked"],
    "exclude_tags": ["vip"],
    "include_mode": "any",
    "run_24_7": False,
    "active_from": "09:00:00",
    "active_until": "20:30:00",
    "active_days": [1, 2, 3, 4, 5],
}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12, "12 s"),
        (59.6, "1 min"),
        (130, "2 min 10 s"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most_and_is_never_negative(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([1, 2, 3, 4, 5, 6, 7], "every day"),
        ([], "no day"),
        ([1, 2, 3, 4, 5], "Mon–Fri"),
        ([7, 1, 3, 6], "Mon, Wed, Sat–Sun"),
        ([3, 3], "Wed"),
    ],
)
def test_days_that_follow_each_other_are_told_as_a_span(chosen, words):
    assert days(chosen) == words


def test_a_rule_tells_whom_and_when():
    assert tags(RULE) == "Contacts tagged class or asked, not vip"
    assert tags({**RULE, "include_mode": "all"}) == "Contacts tagged class and asked, not vip"
    assert tags({**RULE, "include_tags": [], "exclude_tags": []}) == "Every contact"
    assert hours(RULE) == "09:00 to 20:30, Mon–Fri"
    assert hours({**RULE, "run_24_7": True}) == "Around the clock"


def test_a_reason_nobody_has_worded_yet_is_still_shown():
    assert reason("moon_phase") == "Moon phase"
    assert reason(None) == "No reason given"
    assert all(reason(code) == words for code, words in REASONS.items())


def test_one_is_not_many():
    assert [count(number, "contact") for number in (0, 1, 1930)] == [
        "0 contacts",
        "1 contact",
        "1,930 contacts",
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"queued": 1}, "1 contact queued"),
        (
            {"queued": 60, "already_in_flight": 3, "not_queued": 1200},
            "60 contacts queued · 3 already in flight · 1,200 not now: a dry run shows why",
        ),
        (
            {"queued": 0, "not_queued": 5},
            "Nobody to queue right now · 5 not now: a dry run shows why",
        ),
    ],
)
def test_a_run_says_what_it_did(answer, words):
    assert run_result(answer) == words
