"""This file is where the monitor's list is filtered by cause, and says what waits for a person."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.builders import ago
from tests.database.acting import Worker, call_as, change, run_now
from tests.database.test_bulk import failed

STATES = "ai_automation_contact_states"


@pytest.fixture
def owner(world):
    return world.user()


def look(world, owner, rule, **choice):
    return call_as(world, owner, "monitor_snapshot", p_rule_id=rule["id"], **choice)


def test_one_cause_can_be_listed_alone_and_its_number_is_true(world, owner):
    rule = world.rule(world.page(owner))
    failed(world, rule, 2, "not_accepted")
    failed(world, rule, 3, "outcome_unknown")

    alone = look(world, owner, rule, p_stage="failed", p_search="cause:outcome_unknown", p_limit=2)
    searched = look(world, owner, rule, p_search="Cause not cause:not_accepted")

    assert alone["totals"]["matching"] == 3
    assert [row["error_code"] for row in alone["contacts"]] == ["outcome_unknown"] * 2
    assert [row["error_code"] for row in searched["contacts"]] == ["not_accepted"] * 2
    assert searched["totals"]["matching"] == 2
    # The causes themselves are told whatever is listed.
    assert {row["error_code"]: row["contacts"] for row in alone["failures"]} == {
        "not_accepted": 2,
        "outcome_unknown": 3,
    }


def test_a_preview_counts_what_the_list_says(world, owner):
    rule = world.rule(world.page(owner))
    failed(world, rule, 2, "not_accepted")
    failed(world, rule, 3, "outcome_unknown")

    for search in ("", "cause:not_accepted", "CAUSE:outcome_unknown Cause", "cause:none"):
        listed = look(world, owner, rule, p_stage="failed", p_search=search)
        shown = call_as(
            world, owner, "preview_bulk",
            **{"p_rule_id": rule["id"], "p_action": "retry", "p_stage": "failed"}, p_search=search,
        )  # fmt: skip
        assert shown["total"] == listed["totals"]["matching"]


def test_a_message_waits_for_review_until_it_is_approved(world, owner):
    page = world.page(owner)
    rule = world.rule(page, review_before_send=True)
    heard = ago(hours=3)
    world.contact(page, last_inbound_at=heard)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()

    before = look(world, owner, rule)
    [state] = before["contacts"]
    call_as(world, owner, "approve_message", p_state_id=state["state_id"])
    after = look(world, owner, rule)

    assert (before["to_review"], state["review"]) == (1, True)
    assert datetime.fromisoformat(state["window_closes_at"]) == heard + timedelta(hours=24)
    assert (after["to_review"], after["contacts"][0]["review"]) == (0, False)
    assert [len(each["going_out_next"]) for each in (before, after)] == [0, 1]


def test_without_the_rules_wish_nothing_waits_for_review(world, owner):
    page = world.page(owner)
    rule = world.rule(page)
    world.contact(page)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    change(world, STATES, {"id": look(world, owner, rule)["contacts"][0]["state_id"]}, attempt=1)

    told = look(world, owner, rule)

    assert (told["to_review"], told["contacts"][0]["review"]) == (0, False)


def test_the_monitor_says_until_when_googles_quota_of_the_day_is_used_up(world, owner):
    rule, other = (world.rule(world.page(owner)) for _ in range(2))
    for each in (rule, other):
        world.contact({"id": each["page_id"], "user_id": owner["id"]})
        run_now(world, each)
    worker = Worker(world.connection)
    worker.check()
    jobs = [job for job in worker.claim("eligible") if job["rule_id"] == rule["id"]]
    worker.record(jobs, "eligible", error_code="ai_daily_quota", after_seconds=90_000)

    ends = datetime.fromisoformat(look(world, owner, rule)["rule"]["ai_quota_until"])

    pacific = ends.astimezone(ZoneInfo("America/Los_Angeles"))
    assert (pacific.hour, pacific.minute) == (0, 0)
    assert timedelta() < ends - datetime.now(UTC) <= timedelta(hours=25)
    assert look(world, owner, other)["rule"]["ai_quota_until"] is None
    waits = call_as(world, owner, "ai_quota_waits")
    assert {key: datetime.fromisoformat(at) for key, at in waits.items()} == {str(rule["id"]): ends}
    # Who came back yesterday waits for yesterday's end, which is over.
    change(world, STATES, {"id": jobs[0]["state_id"]}, stage_entered_at=ago(days=2))
    assert look(world, owner, rule)["rule"]["ai_quota_until"] is None


def test_a_card_says_when_by_its_place_in_the_pages_line_and_the_pages_rate(world, owner):
    page = world.page(owner, sends_per_minute=30)
    rules = [world.rule(page, name=name) for name in ("One", "Other")]
    for place in range(40):
        world.insert(
            f"public.{STATES}",
            user_id=owner["id"],
            rule_id=rules[place % 2]["id"],
            contact_id=world.contact(page)["id"],
            current_stage="ready_to_send",
            generated_message="Hi",
            due_at=ago(seconds=100 - place),
            next_send_at=ago(seconds=100 - place),
        )

    def waits():
        told = look(world, owner, rules[0])
        now = datetime.fromisoformat(told["now"])
        moments = [row["next_send_at"] for row in told["contacts"]]
        return sorted(
            (datetime.fromisoformat(each) - now).total_seconds() for each in moments if each
        )

    first, *others = waits()
    assert first < 0, "it is due"
    # Every second one of the line is the other automation's, so they go out four seconds apart.
    # Told in steps of five seconds, at most a tenth of a second early.
    assert all(-0.2 < wait - 4 * (place + 1) < 10 for place, wait in enumerate(others))
    assert len(others) == 19
    change(world, "facebook_pages", page, paused_until=ago(minutes=-10))
    assert min(waits()) > 590
    change(world, "facebook_pages", page, paused_at="now")
    assert waits() == [], "nobody knows when a person lets it go on"
