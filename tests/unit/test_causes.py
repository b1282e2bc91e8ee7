"""This file is where every code of a failure has words, and every figure its sentence."""

import ast
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pages._components.analytics_filter import misread
from pages._components.analytics_parts import change_of, percent
from pages._components.analytics_view import funnel_panel
from pages._components.causes import CAUSES, history_of
from pages._components.figures import Figures, funnel
from pages._components.span import RANGES, cut
from pipeline.adapters.google_errors import NOT_ACCEPTED, REFUSED
from pipeline.looking import ERROR_CLASSES
from pipeline.steps.verdicts import BY_CODE, BY_SUBCODE
from tests.running import ROOT

NOON = datetime(2026, 3, 29, 12, 20, tzinfo=UTC)


def test_every_code_that_a_step_or_a_provider_can_give_has_words() -> None:
    codes = {verdict.code for verdict in [*BY_SUBCODE.values(), *BY_CODE.values()]}
    codes |= {code for code, _, _ in [*REFUSED.values(), NOT_ACCEPTED]}
    codes |= {code for kind in ERROR_CLASSES.values() for code in kind}
    google = ("adapters/google_ai.py", "adapters/google_answer.py", "adapters/google_errors.py")
    for name in ("steps/text_checks.py", *google):
        tree = ast.parse((ROOT / "pipeline" / name).read_text())
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        codes |= {
            word
            for word in words
            if isinstance(word, str) and word.startswith(("text_", "ai_")) and word.islower()
        }

    assert codes - {"ai_model"} <= set(CAUSES)


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/Santiago", "UTC"])
def test_a_range_is_whole_days_or_hours_of_the_reader_up_to_now(name: str, zone: str) -> None:
    span = cut(name, zone, NOON)

    assert list(span.edges) == sorted(set(span.edges))
    assert len(span.edges) == len(span.names) + 1 == len(span.ticks) + 1
    assert len(set(span.names)) == len(span.names)
    paced = span.pace_edges
    assert set(paced) <= set(span.edges)
    assert (paced[0], paced[-1]) == (span.edges[0], span.edges[-1])
    assert len(paced) == 2 + (len(span.names) - 1) // span.paced_together
    assert list(paced) == sorted(set(paced))
    assert span.edges[0] < NOON < span.edges[-1] <= NOON + timedelta(hours=25)
    assert all(edge.minute % 15 == 0 for edge in [*span.edges, *span.before])
    assert span.before[1] <= span.edges[0]
    assert not any(edge.astimezone(ZoneInfo(zone)).minute for edge in span.edges)
    elapsed, before = NOON - span.edges[0], span.before[1] - span.before[0]
    assert abs((elapsed - before).total_seconds()) <= 2 * 3600 + 900


def test_a_zone_that_does_not_exist_is_told() -> None:
    for zone in ("Nowhere/Land", "../etc/passwd", "None"):
        with pytest.raises(ValueError, match=re.escape(zone)):
            cut("7d", zone, NOON)


def test_the_funnel_counts_a_message_once_however_often_it_was_tried() -> None:
    moved = {"queued": 10, "eligible": 8, "ready_to_send": 9}  # 2 came back, 3 were tried again
    flow = [
        *(("entered", stage, 0, many) for stage, many in moved.items()),
        *(("left", "checking", 0, 10), ("left", "generating", 0, 9)),
        *(("retried", "rate_limited", 0, 3), ("failed", "ai_blocked", 0, 1)),
        *(("sent", "", 1, 4), ("sent", "", 2, 2), ("replied", "", 1, 1)),
    ]
    found = [
        {"kind": kind, "key": key, "number": number, "bins": {"3": many}}
        for kind, key, number, many in flow
    ]
    figures = Figures({"flow": found, "paces": [], "sums": []}, cut("7d", "UTC", NOON))

    assert [step.contacts for step in funnel(figures)] == [10, 10, 6, 6, 6, 1]


def test_a_step_is_never_less_than_the_next_and_says_what_came_before() -> None:
    told = [("entered", "ready_to_send", 0, 64), ("sent", "", 1, 61), ("entered", "queued", 0, 5)]
    found = [
        {"kind": kind, "key": key, "number": number, "bins": {"3": many}}
        for kind, key, number, many in told
    ]
    figures = Figures({"flow": found, "paces": [], "sums": []}, cut("24h", "UTC", NOON))

    steps = funnel(figures)

    assert [(step.contacts, step.earlier) for step in steps] == [
        *((64, 59), (64, 64), (64, 64), (64, 0), (61, 0), (0, 0)),
    ]
    panel, _ = funnel_panel(figures)
    assert "61 sent of 64 queued (59 of them before this time)" in str(panel)


def test_what_means_nothing_in_an_address_is_said() -> None:
    asked = {"rules": "known,abc", "range": "1y", "others": ["automation"]}

    [line] = misread(asked, {"known": "Winback"})

    assert "“abc”, “1y”, “automation”" in str(line)
    assert not misread({"rules": "known", "range": "7d", "others": []}, {"known": ""})
    assert not misread({"range": "", "rules": None}, {})


def test_what_changed_is_said_in_words() -> None:
    said = [
        change_of(*pair, "7 days") for pair in ((0, 0), (5, 0), (5, 5), (6, 5), (4, 5), (99, 5))
    ]

    assert said[0] == "none in the 7 days before either"
    assert said[1] == "none in the 7 days before"
    assert said[2] == "as many as in the 7 days before"
    assert said[3].replace("\u00a0", " ") == "20 % more than the 5 of the 7 days before"
    assert said[4].replace("\u00a0", " ") == "20 % fewer than the 5 of the 7 days before"
    assert said[5] == "20 times the 5 of the 7 days before"
    assert percent(0, 0) == "–"


def test_the_way_to_the_history_names_the_reader_s_days() -> None:
    span = cut("7d", "Asia/Kolkata", NOON)

    address = history_of("token_expired", ["1"], span)

    assert address == (
        "/history?error=access&from=2026-03-23&until=2026-03-29&zone=Asia%2FKolkata&rule=1"
    )
    assert history_of("ai_blocked", [], span) == ""
