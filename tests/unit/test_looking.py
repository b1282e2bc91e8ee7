"""This file is where what a person looks for is shown to be cut to what makes sense."""

import pytest

from pages._components.contact_card import MAY_HAVE_ARRIVED, PAGE_ERRORS
from pages._components.history_list import ERRORS
from pages._components.list_ask import ListAsk
from pages._components.timeline import OUTCOMES as WORDS
from pipeline.looking import (
    CONTACT_FILTERS,
    ERROR_CLASSES,
    HISTORY_FILTERS,
    OUTCOMES,
    attempt_filter,
    fitting,
)
from pipeline.steps import verdicts

SOME_ID = "0b5a2c1e-0000-4000-8000-000000000001"
# Python takes them; PostgreSQL does not.
NOT_MOMENTS = [
    SOME_ID + moment for moment in ("2026-W01-1T00:00:00+00:00", "2026-01-01T00:00:00+00:00:01.5")
]


def test_what_makes_no_sense_is_left_out() -> None:
    given = {"q": " Zoë\x00 ", "page": "1", "opted": "maybe", "window": "open", "other": "x"}

    assert fitting(given, CONTACT_FILTERS) == {"q": "Zoë", "window": "open"}
    assert fitting({"q": 7, "from": "2026-02-30", "zone": "Moon/Crater"}, HISTORY_FILTERS) == {}
    assert fitting({"zone": "../../etc/passwd", "until": "20260101"}, HISTORY_FILTERS) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("until", day) for day in ("9999-12-31", "0001-01-01", "2003-12-31", "2101-01-01")),
        *(("rule", f"{wrap}{SOME_ID}") for wrap in ("urn:uuid:", "{", " {")),
        *(("page", word) for word in (f"{{{SOME_ID}}}", SOME_ID.replace("-", ""), SOME_ID + "0")),
    ],
)
def test_what_only_python_takes_for_a_day_or_an_id_is_left_out(name: str, value: str) -> None:
    assert attempt_filter(fitting({name: value}, HISTORY_FILTERS)) == {}


def test_the_first_and_the_last_day_can_be_asked_for() -> None:
    asked = {"from": "2004-01-01", "until": "2100-12-31", "zone": "Pacific/Kiritimati"}

    assert set(attempt_filter(fitting(asked, HISTORY_FILTERS))) == {"from", "until"}


def test_days_are_the_readers_and_the_last_one_counts_whole() -> None:
    asked = {"from": "2026-10-25", "until": "2026-10-25", "zone": "Europe/Berlin"}

    found = attempt_filter(asked)

    assert found["from"] == "2026-10-25T00:00:00+02:00"
    assert found["until"] == "2026-10-25T23:59:59.999999+01:00"


def test_a_place_in_the_list_survives_the_address_and_a_forged_one_does_not() -> None:
    moment = "2026-11-22T20:09:19.728164+00:00"
    ask = ListAsk.of({"after": SOME_ID + moment}, CONTACT_FILTERS, ("-heard", "name"))
    assert ask.cursor is not None
    assert ask.cursor.pair == (moment, SOME_ID)
    assert ListAsk.of({"after": ask.cursor.word}, CONTACT_FILTERS, ("-heard",)).cursor == ask.cursor
    for forged in (
        SOME_ID + "x",
        "x" * 36 + moment,
        "",
        None,
        7,
        SOME_ID + moment[:19],
        *NOT_MOMENTS,
    ):
        assert ListAsk.of({"after": forged}, CONTACT_FILTERS, ("-heard",)).cursor is None


def test_what_an_address_asks_for_in_vain_is_named() -> None:
    asked = {"from": "abc", "outcome": "zzz", "rule": SOME_ID, "page": "any", "q": " ", "zone": "x"}
    ask = ListAsk.of(asked, HISTORY_FILTERS, ("-started",))
    assert ask.fits == {"rule": SOME_ID}
    assert sorted(ask.left_out) == ["from", "outcome"]


def test_every_cause_of_a_failed_try_is_in_one_class_that_has_words() -> None:
    known = [code for codes in ERROR_CLASSES.values() for code in codes]
    told = {each.code for each in vars(verdicts).values() if isinstance(each, verdicts.Verdict)}

    assert len(known) == len(set(known))
    assert told <= set(known)
    assert set(ERROR_CLASSES["access"]) >= PAGE_ERRORS
    assert set(ERROR_CLASSES["doubt"]) == MAY_HAVE_ARRIVED
    assert set(ERRORS) == set(ERROR_CLASSES)
    assert set(WORDS) == set(OUTCOMES)
