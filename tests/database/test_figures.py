"""This file is where figures are cut into the days and hours of a reader's time zone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.database.acting import call_as

# The clocks of Berlin went forward on 2026-03-29 and back on 2026-10-25.
SPANS = {
    "the short day of Berlin": ("Europe/Berlin", datetime(2026, 3, 28), 4),  # noqa: DTZ001
    "the long day of Berlin": ("Europe/Berlin", datetime(2026, 10, 24), 4),  # noqa: DTZ001
    "half an hour off": ("Asia/Kolkata", datetime(2026, 3, 1), 3),  # noqa: DTZ001
    "a quarter off": ("Asia/Kathmandu", datetime(2026, 3, 1), 3),  # noqa: DTZ001
    "far west": ("Pacific/Marquesas", datetime(2026, 3, 1), 3),  # noqa: DTZ001
    "ahead of everybody": ("Pacific/Kiritimati", datetime(2026, 3, 1), 3),  # noqa: DTZ001
}


@pytest.fixture
def owner(world):
    return world.user()


def add(world, rule, moments, kind="sent", key="", number=0):
    world.connection.execute(
        "select public.add_figures(array("
        "select (%s, %s, m, %s, %s, %s, 1)::public.automation_figure"
        " from unnest(%s::timestamptz[]) as m))",
        [rule["user_id"], rule["id"], kind, key, number, moments],
    )


def test_days_and_hours_are_those_of_the_reader(world, owner):
    rule, other = (world.rule(world.page(owner)) for _ in range(2))
    moments = []
    for zone, begins, days in SPANS.values():
        start = begins.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(hours=7)
        moments += [start + timedelta(minutes=11 * n) for n in range(days * 130)]
    add(world, rule, moments)
    add(world, other, moments[:100])
    add(world, rule, moments, "messages", "gemini")
    add(world, other, moments[:100], "messages", "gemini")

    for zone, begins, days in SPANS.values():
        where = ZoneInfo(zone)
        midnights = [
            (begins + timedelta(days=n)).replace(tzinfo=where).astimezone(UTC)
            for n in range(days + 1)
        ]
        hours = [midnights[0] + timedelta(hours=n) for n in range(days * 24 + 1)]
        for edges in (midnights, hours, [midnights[0], midnights[-1]]):
            row, same = call_as(
                world, owner, "analytics_flow", p_rule_ids=[rule["id"]], p_edges=edges
            )
            assert row["bins"] == same["bins"]
            expected = Counter(
                bin
                for moment in moments
                for bin in [sum(edge <= moment for edge in edges)]
                if 0 < bin < len(edges)
            )
            assert {int(bin): many for bin, many in row["bins"].items()} == expected

        sums = sums_of(world, owner, midnights[0], midnights[-1])
        for each, told in ((rule, moments), (other, moments[:100])):
            inside = sum(midnights[0] <= moment < midnights[-1] for moment in told)
            assert sums.get(str(each["id"]), 0) == inside


def sums_of(world, owner, start, end):
    span = {"p_rule_ids": None, "p_from": start, "p_until": end}
    found = call_as(world, owner, "analytics_by_automation", **span)
    return {row["rule_id"]: row["total"] for row in found}


def test_all_automations_are_the_sum_and_percentiles_are_of_all_passes(world, owner):
    rules = [world.rule(world.page(owner)) for _ in range(2)]
    start = datetime(2026, 6, 1, 10, tzinfo=UTC)
    # 90 passes of about 1 s, 10 of about 100 s, in two automations and two hours.
    for rule, hour in zip(rules, (0, 1), strict=True):
        at = [start + timedelta(hours=hour)]
        add(world, rule, at * 45, "stayed", "sending", 26)
        add(world, rule, at * 5, "stayed", "sending", 51)
    edges = [start + timedelta(hours=n) for n in range(4)]

    paces = call_as(world, owner, "analytics_paces", p_rule_ids=None, p_edges=edges)
    one = call_as(world, owner, "analytics_paces", p_rule_ids=[rules[0]["id"]], p_edges=edges)

    assert [(row["bin"], row["passed"]) for row in paces] == [(0, 100), (1, 50), (2, 50)]
    assert paces[0]["p50"] == pytest.approx(1, rel=0.1)
    assert paces[0]["p95"] == pytest.approx(100, rel=0.1)
    assert [(row["bin"], row["passed"]) for row in one] == [(0, 50), (1, 50)]
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        call_as(world, owner, "analytics_flow", p_rule_ids=None, p_edges=[start] * 1001)
