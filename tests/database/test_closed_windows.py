"""This file is where contacts wait for something that takes longer than their window is open."""

import pytest

from tests.builders import ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, change, run_now

STAGES = ("queued", "eligible", "ready_to_send")
HELD = {
    "stopped by Facebook": {"status": "token_invalid", "paused_until": ago(hours=-4)},
    "slowed by Facebook": {"paused_until": ago(hours=-1)},
    "paused by a person": {"paused_at": ago()},
    "nothing is wrong with the page": {"paused_until": None},
}


@pytest.fixture
def rule(world):
    """An automation with two contacts in each stage in which one waits."""
    rule = world.rule(world.page(world.user()))
    page = {"id": rule["page_id"], "user_id": rule["user_id"]}
    worker = Worker(world.connection)
    for steps in ((worker.check, worker.write), (worker.check,), ()):
        for _ in range(2):
            world.contact(page, last_inbound_at=ago(hours=20))
        run_now(world, rule)
        for step in steps:
            step()
    return rule


def stages(world, rule):
    rows = world.rows(
        "select s.current_stage::text as stage, s.reason_code, s.next_send_at"
        " from public.ai_automation_contact_states as s where s.rule_id = %s order by s.id",
        rule["id"],
    )
    return [row["stage"] if row["reason_code"] is None else row["reason_code"] for row in rows]


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_who_waits_until_the_window_closes_waits_no_longer_whatever_for(world, rule, held):
    change(world, "facebook_pages", {"id": rule["page_id"]}, **held)
    # As when the AI's quota of the day is used up.
    world.rows(
        "update public.ai_automation_contact_states set due_at = now() + interval '9 h' returning 1"
    )
    [early] = call(world.connection, "skip_closed_windows")
    world.rows(
        "update public.contacts as c set last_inbound_at = now() - interval '24 hours'"
        " from (select min(s.contact_id::text) as id from public.ai_automation_contact_states as s"
        " group by s.current_stage) as f where c.id::text = f.id returning 1"
    )

    done = [call(world.connection, "skip_closed_windows", p_limit=2) for _ in range(3)]

    assert early == {"skip_closed_windows": 0}
    assert [row["skip_closed_windows"] for [row] in done] == [2, 1, 0]
    assert sorted(stages(world, rule)) == sorted([*STAGES, *["window_closed"] * 3])
    found = world.rows(books.STATES, rule["id"])
    books.check_counts(world, rule)
    for check in (books.check_flow, books.check_runs, books.check_histories):
        check(world, rule, found)


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_only_what_can_go_out_is_said_to_go_out_next_and_not_before_it_can(world, rule, held):
    page = {"id": rule["page_id"]}
    change(world, "facebook_pages", page, **held)
    [paused] = world.rows(
        "select paused_until from public.facebook_pages where id = %s", page["id"]
    )
    at_once = held == {"paused_until": None}
    for hours, promised in ((20, at_once or set(held) == {"paused_until"}), (23.5, at_once)):
        world.rows("update public.contacts set last_inbound_at = %s returning 1", ago(hours=hours))
        snapshot = call_as(world, {"id": rule["user_id"]}, "monitor_snapshot", p_rule_id=rule["id"])
        shown = [row["next_send_at"] for row in snapshot["going_out_next"]]
        assert len(shown) == 2 * promised
        if promised and not at_once:
            assert {each[:19] for each in shown} == {paused["paused_until"].isoformat()[:19]}
