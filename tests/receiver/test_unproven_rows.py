"""This file is where a row of a page that is not proven yet writes to nobody who said no."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now
from tests.receiver.telling import item, message

DUE_NOW = "update public.facebook_events set due_at = now() where done_at is null returning 1"
WAITING = "select problem from public.facebook_events where done_at is null"
STATE = "select * from public.ai_automation_contact_states where contact_id = %s"


@pytest.fixture
def pages(world, page):
    """One page of two owners; the second has just renewed its token."""
    twin = world.page(world.user(), facebook_page_id=page["facebook_page_id"])
    for row in (page, twin):
        row["contact"] = world.contact(row, sender_id="77", last_inbound_at=ago(hours=2))
        row["rule"] = world.rule(row, max_follow_ups=3, wait_minutes=60)
        run_now(world, row["rule"])
        worker = Worker(world.connection)
        worker.check()
        worker.write()
        worker.send()
    renew(world, twin)
    return SimpleNamespace(proven=page, unproven=twin)


def renew(world, page):
    told = {"p_page_id": page["id"], "p_encrypted_token": "newer"}
    call_as(world, {"id": page["user_id"]}, "save_page_token", **told)


def prove(world, facebook, page):
    change(world, "facebook_pages", page, proven_at=ago())
    again(world, facebook)


def again(world, facebook):
    """As if the time had come at which what waits is looked at."""
    world.rows(DUE_NOW)
    facebook.settle()


def ended(world, page):
    [state] = world.rows(STATE, page["contact"]["id"])
    return state["current_stage"], state["reason_code"]


def contact_of(world, page):
    [row] = world.rows("select * from public.contacts where id = %s", page["contact"]["id"])
    return row


def said_to(world, page):
    said = "select body from public.contact_messages where user_id = %s and direction = 'in'"
    return [row["body"] for row in world.rows(said, page["user_id"])]


def confirmed(world):
    """Answers that may be given now; they are."""
    rows = call(world.connection, "claim_confirmations", p_worker="worker-1", p_limit=9)
    return [row["word"] for row in rows]


def test_a_stop_is_heeded_at_once_and_its_words_wait_for_the_proof(facebook, world, pages):
    facebook.tell(message(pages.proven, "77", "Stop!"))

    assert ended(world, pages.proven) == ended(world, pages.unproven) == ("completed", "opted_out")
    assert contact_of(world, pages.unproven)["opted_out_by"] == "contact"
    assert said_to(world, pages.unproven) == [], "whose page it is nobody knows yet"
    assert world.rows(WAITING) == [{"problem": "unproven_page"}]

    prove(world, facebook, pages.unproven)
    assert said_to(world, pages.proven) == said_to(world, pages.unproven) == ["Stop!"]
    assert world.rows(WAITING) == []


def test_a_stop_is_heeded_also_where_nobody_is_proven(facebook, world, pages):
    renew(world, pages.proven)

    facebook.tell(message(pages.proven, "77", "STOP"))

    assert ended(world, pages.proven) == ended(world, pages.unproven) == ("completed", "opted_out")
    assert confirmed(world) == []
    prove(world, facebook, pages.proven)
    assert confirmed(world) == ["stop"]
    prove(world, facebook, pages.unproven)
    assert confirmed(world) == [], "one answer is enough"


@pytest.mark.parametrize("held", [{"status": "token_invalid"}, {"disconnected_at": ago()}])
def test_a_row_that_stands_still_does_not_go_on_after_a_stop(facebook, world, pages, held):
    change(world, "facebook_pages", pages.unproven, **held)
    known = contact_of(world, pages.unproven)["last_inbound_at"]

    facebook.tell(message(pages.proven, "77", "baja"), message(pages.proven, "77", "Hello"))

    found = contact_of(world, pages.unproven)
    assert (found["opted_out_by"], said_to(world, pages.unproven)) == ("contact", [])
    assert found["last_inbound_at"] > known
    assert world.rows(WAITING) == []


def test_a_reply_counts_by_its_time_alone_and_nobody_new_is_told_of(facebook, world, pages):
    facebook.tell(
        message(pages.proven, "77", "I live at 1 Mill Lane"), message(pages.proven, "78", "Hi")
    )

    assert ended(world, pages.proven) == ended(world, pages.unproven) == ("completed", "replied")
    assert said_to(world, pages.unproven) == []
    known = "select sender_id from public.contacts where page_id = %s"
    assert world.rows(known, pages.unproven["id"]) == [{"sender_id": "77"}]
    prove(world, facebook, pages.unproven)
    assert sorted(said_to(world, pages.unproven)) == ["Hi", "I live at 1 Mill Lane"]


def test_only_a_proven_row_takes_a_stop_back(facebook, world, pages):
    facebook.tell(message(pages.proven, "77", "STOP"))
    facebook.tell(message(pages.proven, "77", "START"))

    assert contact_of(world, pages.proven)["opted_out_at"] is None
    assert contact_of(world, pages.unproven)["opted_out_at"]
    prove(world, facebook, pages.unproven)
    assert contact_of(world, pages.unproven)["opted_out_at"] is None


@pytest.fixture
def sending(world, pages):
    """A worker that hands a message of the unproven row to Facebook."""
    person = world.contact(pages.unproven, sender_id="79", last_inbound_at=ago(hours=2))
    run_now(world, pages.unproven["rule"])
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send")
    return SimpleNamespace(person=person, worker=worker, job=job)


@pytest.mark.parametrize("is_early", [True, False])
def test_a_message_that_arrived_while_the_page_was_disconnected_is_not_sent_again(
    facebook, world, pages, sending, is_early
):
    attempt = str(sending.job["attempt_id"])
    call_as(
        world, {"id": pages.unproven["user_id"]}, "disconnect_page", p_page_id=pages.unproven["id"]
    )
    said = {"error_code": "rate_limited", "attempt_outcome": "retry", "attempt_id": attempt}
    echo = message(pages.proven, "79", "Ours", is_echo=True, metadata=f"stagelight:{attempt}")
    if is_early:
        facebook.tell(echo)

    sending.worker.record([sending.job], "ready_to_send", **said)
    if not is_early:
        facebook.tell(echo)
    again(world, facebook)

    assert ended(world, {"contact": sending.person}) == ("sent", None)
    assert world.rows(WAITING) == []


def test_the_echo_of_an_own_message_settles_its_try_and_of_anothers_only_the_time(
    facebook, world, pages, sending
):
    person, worker, job = sending.person, sending.worker, sending.job
    refused = {"error_code": "contact_unavailable", "attempt_outcome": "failed"}
    worker.record([job], "failed", attempt_id=str(job["attempt_id"]), **refused)
    own = {"is_echo": True, "metadata": f"stagelight:{job['attempt_id']}"}

    facebook.tell(
        message(pages.proven, "79", "Ours", **own),
        message(pages.proven, "77", "By hand", is_echo=True),
    )

    told = "select body from public.contact_messages where user_id = %s and body <> %s"
    found = world.rows(told, pages.unproven["user_id"], "See you Saturday?")
    assert [row["body"] for row in found] == ["Ours"]
    assert ended(world, {"contact": person}) == ("sent", None)
    assert contact_of(world, pages.unproven)["last_outbound_at"] > job["attempt_started_at"]


def test_who_is_at_the_contacts_of_such_a_row_holds_up_no_owner(facebook, world, second, pages):
    with second.connection.transaction():
        second.rows(STATE + " for update", pages.unproven["contact"]["id"])
        facebook.tell(message(pages.proven, "77", "STOP"))
        assert ended(world, pages.proven) == ("completed", "opted_out")
        assert ended(world, pages.unproven) == ("sent", None)

    again(world, facebook)

    assert ended(world, pages.unproven) == ("completed", "opted_out")


def test_who_names_a_page_keeps_its_owner_from_no_answer(facebook, world, pages):
    facebook.tell(message(pages.proven, "77", "STOP"))
    # Of two that could answer the one with the smaller id does.
    world.rows(
        "update public.opt_confirmations as k set id = '00000000-0000-0000-0000-000000000000'"
        " where user_id = %s returning 1",
        pages.unproven["user_id"],
    )

    assert confirmed(world) == ["stop"]
    prove(world, facebook, pages.unproven)
    assert confirmed(world) == []


def test_who_has_heard_an_event_does_not_hear_it_again_while_it_waits(facebook, world, pages):
    warning = {"action": "warning", "reason": "Promotions"}
    facebook.tell(item(pages.proven, "77", policy_enforcement=warning))
    again(world, facebook)
    warned = "select user_id from public.ai_automation_audit where action = 'page_warned'"
    assert [row["user_id"] for row in world.rows(warned)] == [pages.proven["user_id"]]

    prove(world, facebook, pages.unproven)
    again(world, facebook)

    assert len(world.rows(warned)) == 2
    assert world.rows(WAITING) == []


def test_what_its_owner_has_heard_waits_an_hour_for_others_and_seldom_looked_at(
    facebook, world, pages
):
    facebook.tell(message(pages.proven, "77", "Hello"))
    old = "update public.facebook_events set received_at = now() - %s returning 1"
    due = "select due_at - now() as wait, done_at, told from public.facebook_events"
    world.rows(old, timedelta(minutes=59))
    again(world, facebook)
    [waiting] = world.rows(due)
    assert waiting["wait"] > timedelta(minutes=9)

    world.rows(old, timedelta(minutes=61))
    again(world, facebook)

    [over] = world.rows(due)
    assert over["done_at"]
    assert over["told"] == {}
