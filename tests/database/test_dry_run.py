"""This file is where a dry run is held to its word, and whom the daily limit lets through."""

import random
from collections import Counter

import pytest

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, run_now


def test_whose_window_closes_first_goes_first(world):
    page = world.page(world.user())
    rule = world.rule(page, daily_limit=2)
    hours = {world.contact(page, last_inbound_at=ago(hours=n))["id"]: n for n in (1, 20, 5, 12)}

    answers = call(world.connection, "contact_eligibility", p_rule_id=rule["id"])

    passed = {hours[row["contact_id"]] for row in answers if row["reason_code"] == "ok"}
    assert passed == {20, 12}


@pytest.mark.parametrize("seed", range(3))
def test_a_dry_run_says_what_a_run_then_does(world, seed):
    rule = a_mixed_page(world, random.Random(seed))  # noqa: S311

    said = call_as(world, {"id": rule["user_id"]}, "dry_run", p_rule_id=rule["id"])
    run_now(world, rule)
    worker = Worker(world.connection)
    done = [row for _ in range(9) for row in worker.check(limit=25)]

    expected = {row["reason_code"]: row["contacts"] for row in said["reasons"]}
    # A run does not queue those who lack the tags.
    without_tag = expected.pop("missing_tag")
    assert Counter(row["reason_code"] or "ok" for row in done) == expected
    assert said["would_send"] == expected["ok"] == 15
    assert said["contacts"] == len(done) + without_tag == 150


def a_mixed_page(world, chance):
    """150 contacts in every condition, of whom the daily limit lets 15 through."""
    page = world.page(world.user())
    rule = world.rule(
        page, wait_minutes=60, include_tags=["class"], exclude_tags=["vip"], daily_limit=15
    )
    for _ in range(120):
        world.contact(
            page,
            last_inbound_at=chance.choice([None, *(ago(hours=h) for h in (0.5, 2, 9, 23, 25))]),
            tags=chance.choice([["class"], ["class"], ["class", "vip"]]),
            opted_out_at=chance.choice([None, None, None, ago(days=2)]),
            time_zone=chance.choice([None, "Asia/Kathmandu"]),
        )
    for _ in range(30):
        world.contact(page, tags=["other"])
    return rule
