"""This file is where what was done is told in words, whatever was written down beside it."""

import re

import pytest

from pages._components.audit_list import WORDS, cursor_of, exactly, how_many, number_of
from pages._components.list_ask import ListAsk
from pages._components.system_view import TURNS
from pipeline.looking import AUDIT_FILTERS
from pipeline.scheduler import SECONDS_BETWEEN
from tests.running import ROOT

LITERAL = re.compile(r"ai_automation_audit \([^)]*action[^;]*?;", re.S)


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({}, ""),
        ({"changed": ["daily_limit", "prompt"]}, "daily limit, prompt"),
        ({"filter": None, "bulk_id": "x"}, ""),
        ({"filter": {}}, "Filter: none"),
        (
            {"filter": {"stage": "failed", "search": True}},
            "Filter: stage Failed, words that were searched for",
        ),
        (
            {"filter": {"stage": "gone", "q": "Zoë", "tag": "vip"}},
            "Filter: words that were searched for, tag vip",
        ),
        (
            {"filter": {"cause": "not_accepted"}},
            "Filter: cause Facebook did not accept the message",
        ),
        ({"of": 1200}, "of 1,200"),
        ({"why": "Its access has expired."}, "Its access has expired."),
        ({"tags": ["vip", "новый"]}, "tags “vip”, “новый”"),
        ({"tag": "vip", "filter": {"tag": "old"}, "of": 9}, "tag “vip” · Filter: tag old · of 9"),
        ({"state": 7, "edited": True}, "text edited"),
        (
            {"filter": {"q": True, "from": "2026-11-01"}},
            "Filter: words that were searched for, from 2026-11-01",
        ),
    ],
)
def test_what_was_meant_is_told(detail, words):
    assert exactly(detail) == words


def test_numbers_say_what_they_count():
    assert how_many("import_contacts", 1200) == "1,200 contacts"
    assert how_many("set_page_rate", 60) == "60 messages a minute"
    assert how_many("switch_on", 0) == ""


def test_a_place_in_the_list_survives_the_address():
    row = {"id": 2**40 + 7, "occurred_at": "2026-11-23T02:00:00.5+00:00"}

    ask = ListAsk.of({"after": cursor_of(row).word}, AUDIT_FILTERS, ("-when",))

    assert ask.cursor is not None
    assert (ask.cursor.key, number_of(ask.cursor)) == (row["occurred_at"], row["id"])


def test_every_action_that_the_database_writes_down_has_words():
    found = {
        word
        for part in (ROOT / "sql" / "parts").glob("*.sql")
        for insert in LITERAL.findall(part.read_text())
        for word in re.findall(r"'([a-z]+_[a-z_]+)'", insert)
        if not word.endswith(("_", "_id", "_rules", "_pages"))
    }

    assert len(found) > 15
    assert found - WORDS.keys() == set()


def test_every_turn_of_the_schedule_has_words():
    assert SECONDS_BETWEEN.keys() - TURNS.keys() == set()
