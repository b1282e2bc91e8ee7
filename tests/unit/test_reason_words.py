"""This file is where the dashboard's words are shown to know every reason the database gives."""

import re
from pathlib import Path

from pages._components.words import REASONS

SOURCE = Path(__file__).parents[2] / "sql" / "parts" / "550_eligibility.sql"


def test_the_database_and_the_dashboard_know_the_same_reasons() -> None:
    function = SOURCE.read_text().partition("function public.reason_text")[2].partition("$$;")[0]

    assert set(re.findall(r"when '(\w+)' then", function)) == set(REASONS)


def test_every_reason_that_is_decided_has_words() -> None:
    judged = SOURCE.read_text().partition("judged as (")[2].partition("end as")[0]
    decided = set(re.findall(r"(?:then|else) '(\w+)'", judged))

    assert "window_closed" in decided
    assert decided <= set(REASONS)
