"""This file is where what is typed into the form of an automation is read back."""

import pytest

from pages._components.rule_fields import NEW, read, shown, split_minutes

RULE = {**NEW, "name": "Winback", "page_id": "00000000-0000-0000-0000-000000000001"}
LONG_TAG = "a tag, with a comma; and | more"


def settings_of(**changes):
    reading = read({**shown(RULE), **changes})
    assert reading.errors == {}
    return reading.settings


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"daily_limit": 0, "wait_minutes": 0},
        {"daily_limit": 100_000, "wait_minutes": 43_200, "max_follow_ups": 10},
        {"wait_minutes": 90, "run_every_minutes": 10_080},
        {"wait_minutes": 1441, "run_every_minutes": 1},
        {"run_at": ["00:00:00", "09:00:00", "17:30:00"]},
        {"active_from": "22:00:00", "active_until": "06:00:00"},
        {"active_from": "00:00:00", "active_until": "23:59:00"},
        {"active_from": "09:00:00", "active_until": "00:00:00"},
        {"active_from": "00:00:00", "active_until": "24:00:00"},
        {"active_from": "08:15:30", "active_until": "20:00:59"},
        {"active_days": []},
        {"active_days": [7]},
        {"include_tags": [LONG_TAG, "class"], "exclude_tags": ["vip"], "include_mode": "all"},
        {"run_24_7": True, "review_before_send": True, "stop_on_reply": False},
        {"prompt": "  Two lines,\n\n  as typed. \n", "language": "Português", "model": "gemini-x"},
        {"time_zone": "America/Argentina/Buenos_Aires"},
        {"name": "محمد العلي <b>&amp;</b>"},
    ],
    ids=str,
)
def test_every_setting_comes_back_as_it_was(values):
    rule = {**RULE, **values}

    reading = read(shown(rule))

    assert reading.errors == {}
    assert reading.settings == rule


def test_a_midnight_written_as_24_is_the_same_moment():
    rule = {**RULE, "active_from": "09:00:00", "active_until": "24:00:00"}

    assert read(shown(rule)).settings["active_until"] == "00:00:00"


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("name", "", "Give it a name."),
        ("name", "   ", "Give it a name."),
        ("name", "x" * 121, "121 characters; at most 120 fit."),
        ("page_id", None, "Choose a page."),
        ("include_tags", [str(number) for number in range(51)], "51 tags; at most 50 fit."),
        ("exclude_tags", ["x" * 101], "A tag has at most 100 characters."),
        ("wait", ["", "hours"], "Write a number: from 0 minutes to 30 days."),
        ("wait", ["-3", "hours"], "From 0 minutes to 30 days."),
        ("every", ["-3", "hours"], "From 1 minute to 7 days."),
        ("wait", ["31", "days"], "From 0 minutes to 30 days."),
        ("wait", ["0.001", "hours"], "whole minutes"),
        ("wait", ["5", "years"], "Write a number"),
        ("wait", "5", "Write a number"),
        ("every", ["0", "minutes"], "From 1 minute to 7 days."),
        ("run_at", "9 to 5", "Write times of day, such as 09:00, 17:30."),
        ("run_at", "25:00", "Write times of day"),
        ("run_at", ",".join(f"10:{n}" for n in range(10, 35)), "25 times; at most 24 fit."),
        ("max_follow_ups", "0", "From 1 to 10."),
        ("max_follow_ups", "11", "From 1 to 10."),
        ("max_follow_ups", "three", "Write a whole number from 1 to 10."),
        ("max_follow_ups", "²", "Write a whole number"),
        ("daily_limit", "12.5", "Write a whole number"),
        ("daily_limit", "", "Write a whole number"),
        ("daily_limit", None, "Write a whole number"),
        ("daily_limit", "-1", "From 0 to 100,000."),
        ("daily_limit", "9" * 40, "Write a whole number"),
        ("active_from", "", "Write a time of day"),
        ("active_from", "25:00", "Write a time of day"),
        ("active_until", "09:00", "The same as From"),
        ("time_zone", "Berlin", "Did you mean Europe/Berlin?"),
        ("time_zone", "Europe/Belrin", "Did you mean Europe/Berlin"),
        ("time_zone", "", "Choose one from the list."),
        ("prompt", "x" * 8001, "8,001 characters; at most 8,000 fit."),
        ("model", "x" * 101, "at most 100 fit"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(field, typed, error):
    reading = read({**shown(RULE), field: typed})

    assert list(reading.errors) == [field]
    assert error in reading.errors[field]


@pytest.mark.parametrize(
    ("field", "typed", "setting", "value"),
    [
        ("daily_limit", "1,000", "daily_limit", 1000),
        ("wait", ["1.5", "hours"], "wait_minutes", 90),
        ("run_at", "17:30; 9:00 09:00,", "run_at", ["09:00:00", "17:30:00"]),
        ("wait", ["1,5", "hours"], "wait_minutes", 90),
        ("time_zone", "europe/berlin", "time_zone", "Europe/Berlin"),
        ("include_tags", [" VIP ", "vip", ""], "include_tags", ["vip"]),
        ("name", "  Win\x00back\ud800 ", "name", "Winback"),
        ("active_days", [8, "1", None, 3, 3], "active_days", [3]),
    ],
)
def test_what_is_meant_is_understood(field, typed, setting, value):
    assert settings_of(**{field: typed})[setting] == value


@pytest.mark.parametrize(
    ("opens", "closes"), [("20:00", "20:00"), ("", "20:00"), ("25:00", ""), ("nonsense", None)]
)
def test_around_the_clock_nobody_judges_the_hours(opens, closes):
    settings = settings_of(run_24_7=True, active_from=opens, active_until=closes)

    assert settings["run_24_7"] is True
    assert (settings["active_from"], settings["active_until"]) == ("09:00:00", "20:00:00")


def test_hours_that_nobody_asks_for_stay_as_they_were():
    settings = settings_of(run_24_7=True, active_from="10:00", active_until="11:00")

    assert (settings["active_from"], settings["active_until"]) == ("10:00:00", "11:00:00")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"daily_limit": "0"}, "daily_limit"),
        ({"active_days": []}, "active_days"),
        ({"include_tags": ["vip"], "exclude_tags": ["vip"]}, "exclude_tags"),
    ],
)
def test_what_can_be_but_does_nothing_is_pointed_out(change, field):
    assert field in read({**shown(RULE), **change}).warnings


def test_a_browser_that_sends_nonsense_gets_errors_not_a_crash():
    for junk in (None, 5, "x", [], {}, [[]], True):
        reading = read(dict.fromkeys(shown(RULE), junk))
        assert reading.errors


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (0, ("0", "minutes")),
        (59, ("59", "minutes")),
        (60, ("1", "hours")),
        (1440, ("1", "days")),
        (1500, ("25", "hours")),
    ],
)
def test_minutes_are_shown_in_the_largest_unit_that_leaves_no_rest(minutes, told):
    assert split_minutes(minutes) == told
