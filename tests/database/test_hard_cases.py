"""This file is where truths that arrive late or at a bad moment are kept: replies, midnight."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now


@pytest.fixture
def page(world):
    return world.page(world.user())


@pytest.fixture
def worker(world):
    return Worker(world.connection)


def owner_of(page):
    return {"id": page["user_id"]}


def state_of(world, contact):
    [state] = world.rows(
        "select * from public.ai_automation_contact_states where contact_id = %s", contact["id"]
    )
    return state


def claimed_for_sending(world, worker, rule):
    run_now(world, rule)
    worker.check()
    worker.write()
    return worker.claim("ready_to_send")


def plan_again(world):
    """An hour later the scheduled moment comes; returns how many were queued."""
    world.connection.execute(
        "update public.ai_automation_contact_states"
        " set next_check_at = next_check_at - interval '1 hour' where current_stage = 'sent'"
    )
    world.connection.execute("update public.ai_automation_rules set next_run_at = now()")
    [answer] = call(world.connection, "enqueue_due_contacts")
    return answer["enqueue_due_contacts"]["queued"]


def test_a_reply_before_the_send_was_settled_is_a_reply_to_it(world, page, worker):
    rule, contact = world.rule(page), world.contact(page)
    [job] = claimed_for_sending(world, worker, rule)
    worker.record([job], "sending", attempt_outcome="unknown", after_seconds=0)
    change(world, "contacts", contact, last_inbound_at=datetime.now(UTC))
    [settling] = worker.claim("sending")

    worker.record([settling], "sent", attempt_outcome="sent", facebook_message_id="m")
    plan_again(world)
    worker.check()

    assert state_of(world, contact)["reason_code"] == "replied"


def test_two_workers_after_midnight_do_not_overshoot_the_new_days_limit(world, database, page):
    rule = world.rule(page, daily_limit=1)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    for _ in range(2):
        world.insert(
            "public.ai_automation_contact_states",
            user_id=page["user_id"],
            rule_id=rule["id"],
            contact_id=world.contact(page)["id"],
            current_stage="eligible",
            quota_day=yesterday,
            max_follow_ups=3,
        )
    taken = []
    with (
        psycopg.connect(database.dsn(), row_factory=dict_row) as first,
        psycopg.connect(database.dsn(), row_factory=dict_row) as second,
    ):
        taken += Worker(first, "worker-1").claim("eligible", limit=1)
        waiting = threading.Thread(
            target=lambda: taken.extend(Worker(second, "worker-2").claim("eligible", limit=1))
        )
        waiting.start()
        waiting.join(0.3)
        first.commit()
        waiting.join()
        second.commit()

    assert len(taken) == 1


def test_a_contact_facebook_calls_opted_out_is_opted_out_everywhere(world, page, worker):
    rule, contact = world.rule(page), world.contact(page)
    [job] = claimed_for_sending(world, worker, rule)

    worker.record([job], "failed", error_code="opted_out", attempt_outcome="failed")

    [stored] = world.rows("select opted_out_at from public.contacts where id = %s", contact["id"])
    assert stored["opted_out_at"] is not None


def test_a_message_nobody_approved_does_not_outlive_its_reason(world, page, worker):
    rule, contact = world.rule(page, review_before_send=True), world.contact(page)
    claimed_for_sending(world, worker, rule)
    change(world, "contacts", contact, last_inbound_at=ago(days=30))
    world.connection.execute("update public.ai_automation_contact_states set due_at = now()")

    worker.claim("ready_to_send")

    assert state_of(world, contact)["reason_code"] == "window_closed"


def test_a_message_that_waits_for_approval_is_left_alone(world, page, worker):
    rule, contact = world.rule(page, review_before_send=True), world.contact(page)
    claimed_for_sending(world, worker, rule)

    assert worker.claim("ready_to_send") == []
    assert state_of(world, contact)["current_stage"] == "ready_to_send"


def test_a_message_in_review_is_not_thrown_away_while_its_page_waits(world, page, worker):
    rule, contact = world.rule(page, review_before_send=True), world.contact(page)
    claimed_for_sending(world, worker, rule)
    change(world, "facebook_pages", page, paused_until=ago(minutes=-5))
    world.connection.execute("update public.ai_automation_contact_states set due_at = now()")

    worker.claim("ready_to_send")

    assert state_of(world, contact)["current_stage"] == "ready_to_send"


def test_switching_off_and_on_again_loses_nobody(world, page, worker):
    rule, _ = world.rule(page), world.contact(page)
    run_now(world, rule)
    call_as(world, owner_of(page), "set_rule_enabled", p_rule_id=rule["id"], p_enabled=False)
    worker.check()

    call_as(world, owner_of(page), "set_rule_enabled", p_rule_id=rule["id"], p_enabled=True)

    assert plan_again(world) == 1


@pytest.mark.parametrize("what", ["contact", "automation"])
def test_changed_tags_bring_a_skipped_contact_back(world, page, worker, what):
    rule = world.rule(page, exclude_tags=["vip"])
    contact = world.contact(page, tags=["vip"])
    run_now(world, rule)
    worker.check()

    if what == "contact":
        change(world, "contacts", contact, tags=[])
    else:
        change(world, "ai_automation_rules", rule, exclude_tags=[])

    assert plan_again(world) == 1


def test_a_skipped_contact_of_which_nothing_changed_is_left_alone(world, page, worker):
    rule, _ = world.rule(page, exclude_tags=["vip"]), world.contact(page, tags=["vip"])
    run_now(world, rule)
    worker.check()

    assert plan_again(world) == 0


def test_a_late_error_of_the_old_token_does_not_stop_the_page_with_the_new_one(world, page, worker):
    rule, _ = world.rule(page), world.contact(page)
    [job] = claimed_for_sending(world, worker, rule)
    token = {"p_page_id": page["id"], "p_encrypted_token": "new"}
    call_as(world, owner_of(page), "save_page_token", **token)

    refused = {"error_code": "token_invalid", "page_status": "token_invalid"}
    worker.record([job], "failed", attempt_outcome="failed", **refused)

    assert world.rows("select status from public.facebook_pages") == [{"status": "active"}]


def test_sending_again_what_may_be_out_takes_a_second_place_of_the_day(world, page, worker):
    rule, contact = world.rule(page, daily_limit=1), world.contact(page)
    [job] = claimed_for_sending(world, worker, rule)
    worker.record([job], "failed", error_code="outcome_unknown", attempt_outcome="unknown")

    call_as(world, owner_of(page), "retry_contacts", p_state_ids=[job["state_id"]])
    worker.check()

    assert state_of(world, contact)["reason_code"] == "daily_limit_reached"


def test_a_press_that_finds_nobody_leaves_no_run(world, page):
    rule = world.rule(page)

    assert run_now(world, rule)["queued"] == 0
    assert world.rows("select id from public.ai_automation_runs") == []


def test_tags_have_one_spelling(world, page):
    rule, _ = world.rule(page, include_tags=[" VIP "]), world.contact(page, tags=["Vip"])

    assert run_now(world, rule)["queued"] == 1


def test_two_automations_do_not_write_to_one_contact_at_once(world, page, worker):
    first, second = (world.rule(page, wait_minutes=60) for _ in range(2))
    contact = world.contact(page)
    for rule in (first, second):
        run_now(world, rule)
    worker.check()
    worker.write()

    first_batch = worker.claim("ready_to_send", limit=1)
    worker.record(first_batch, "sent", attempt_outcome="sent", facebook_message_id="m")

    assert worker.claim("ready_to_send") == []
    reasons = world.rows(
        "select reason_code from public.ai_automation_contact_states"
        " where contact_id = %s and current_stage = 'skipped'",
        contact["id"],
    )
    assert reasons == [{"reason_code": "waiting"}]


@pytest.mark.parametrize("function", ["request_run", "run_preview"])
def test_a_run_of_everybody_may_take_longer_than_a_look_at_a_page(world, function):
    query = "select proconfig from pg_catalog.pg_proc where proname = %s"

    [row] = world.rows(query, function)

    # PostgREST applies this one of a function's settings to the whole request.
    assert "statement_timeout=2min" in row["proconfig"]


def test_a_message_taken_while_the_refusal_was_written_down_does_not_free_its_page(
    world, database, page, worker
):
    rule, _ = world.rule(page), [world.contact(page) for _ in range(2)]
    run_now(world, rule)
    worker.check()
    worker.write()
    [refused] = worker.claim("ready_to_send", limit=1)
    with psycopg.connect(database.dsn(), row_factory=dict_row) as writer:
        writer.execute("select now()")
        [taken] = worker.claim("ready_to_send", limit=1)
        told = {"attempt_outcome": "failed", "error_code": "token_expired"}
        Worker(writer).record([refused], "failed", page_status="token_invalid", **told)
    worker.record([taken], "sent", attempt_outcome="sent", facebook_message_id="m")

    [stored] = world.rows("select status, paused_until from public.facebook_pages")
    assert (stored["status"], stored["paused_until"] is None) == ("token_invalid", False)


def test_who_facebook_says_is_outside_the_window_comes_back_when_they_write(world, page, worker):
    rule, contact = world.rule(page, max_follow_ups=1, stop_on_reply=False), world.contact(page)
    jobs = claimed_for_sending(world, worker, rule)
    closed = {"error_code": "window_closed", "reason_code": "window_closed"}

    worker.record(jobs, "skipped", **closed, error_message="Too late.", attempt_outcome="failed")

    state = state_of(world, contact)
    assert (state["current_stage"], state["reason_code"]) == ("skipped", "window_closed")
    assert (state["error_code"], state["error_message"]) == (None, None)
    assert (state["follow_up_count"], state["quota_day"], state["next_check_at"]) == (0, None, None)
    [tried] = world.rows("select outcome, error_code from public.ai_automation_attempts")
    assert (tried["outcome"], tried["error_code"]) == ("failed", "window_closed")
    [run] = world.rows("select skipped, failed, finished_at from public.ai_automation_runs")
    assert (run["skipped"], run["failed"], run["finished_at"] is None) == (1, 0, False)
    assert plan_again(world) == 0

    change(world, "contacts", contact, last_inbound_at=datetime.now(UTC))

    assert plan_again(world) == 1
    worker.check()
    worker.write()
    worker.send()
    assert state_of(world, contact)["follow_up_count"] == 1
