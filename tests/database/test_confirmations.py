"""This file is where a STOP and a START get one answer each, from whoever may give it."""

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now


def say(world, page, word, **since):
    said = {"sender_id": "77", "direction": "in", "mid": f"m_{word}_{since}", "text": word}
    told = Jsonb([{**said, "said_at": ago(**since).isoformat()}])
    call(world.connection, "hear_messages", p_page_id=page["id"], p_messages=told)


def claimed(world):
    rows = call(world.connection, "claim_confirmations", p_worker="worker-1", p_limit=9)
    return [(row["word"], row["page_name"]) for row in rows]


def statuses(world):
    rows = world.rows("select status from public.opt_confirmations order by said_at, id")
    return [row["status"] for row in rows]


def test_one_answer_however_often_it_is_said_and_by_one_of_two_owners(world):
    first = world.page(world.user(), name="Corner Bakery")
    twin = world.page(
        world.user(), name="Corner Bakery", facebook_page_id=first["facebook_page_id"]
    )
    for page in (first, twin):
        for seconds in (9, 8, 7):
            say(world, page, "stop", minutes=1, seconds=seconds)
    world.rows(
        "update public.opt_confirmations set said_at = (select min(said_at)"
        " from public.opt_confirmations) returning 1"
    )

    assert claimed(world) == [("stop", "Corner Bakery")]
    assert claimed(world) == []


def test_what_changed_last_is_confirmed_and_what_is_old_or_outside_the_window_is_not(world):
    page = world.page(world.user())
    say(world, page, "stop", days=1)
    assert statuses(world) == [], "an old conversation was read"
    say(world, page, "start", minutes=3)
    say(world, page, "stop", minutes=2)
    say(world, page, "start", minutes=1)

    change(world, "facebook_pages", page, paused_until=ago(hours=-1))
    assert claimed(world) == [], "the page rests"
    change(world, "facebook_pages", page, paused_until=None)
    assert claimed(world) == [("start", "Corner Bakery")]
    assert statuses(world) == ["due", "due", "sending"]

    world.rows(
        "update public.opt_confirmations set said_at = said_at - interval '10 minutes' returning 1"
    )
    assert claimed(world) == []
    assert statuses(world) == ["expired", "expired", "sending"]


def test_an_answer_comes_before_messages_and_uses_a_place_of_the_pages_rate(world):
    page = world.page(world.user(), sends_per_minute=2)
    world.contact(page)
    run_now(world, world.rule(page))
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    say(world, page, "stop", seconds=5)

    assert worker.claim("ready_to_send") == [], "its place is kept for the answer"
    assert claimed(world) == [("stop", "Corner Bakery")]
    # As if nothing had taken time.
    world.rows("update public.opt_confirmations set tried_at = now() + interval '3 s' returning 1")
    assert worker.claim("ready_to_send") == [], "in the same second"
    world.rows(
        "update public.opt_confirmations set status = 'sent',"
        " tried_at = tried_at - interval '8 seconds' returning 1"
    )
    assert len(worker.claim("ready_to_send")) == 1
    say(world, page, "start", seconds=4)
    world.rows(
        "update public.ai_automation_attempts set started_at = started_at - interval '5 seconds',"
        " outcome = 'sent' returning 1"
    )
    assert claimed(world) == [], "both places of this minute are used"
    world.rows(
        "update public.opt_confirmations set tried_at = now() - interval '1 minute'"
        " where tried_at is not null returning 1"
    )
    assert claimed(world) == [("start", "Corner Bakery")]


def test_only_what_certainly_did_not_arrive_is_due_again(world):
    page = world.page(world.user(), sends_per_minute=600)
    say(world, page, "stop", seconds=5)
    [row] = call(world.connection, "claim_confirmations", p_worker="worker-1", p_limit=9)
    told = {"p_id": row["id"], "p_status": "due", "p_error_code": "facebook_unreachable"}

    [other] = call(world.connection, "finish_confirmation", p_worker="worker-2", **told)
    assert other["finish_confirmation"] is False
    call(world.connection, "finish_confirmation", p_worker="worker-1", **told)
    assert claimed(world) == [], "in a few seconds"
    world.rows("update public.opt_confirmations set due_at = now() returning 1")
    assert claimed(world) == [("stop", "Corner Bakery")]


def refuse(world, row, seconds=0.0):
    """Facebook's limit: for sure not delivered."""
    told = {"p_status": "due", "p_error_code": "rate_limited", "p_after_seconds": seconds}
    call(world.connection, "finish_confirmation", p_id=row["id"], p_worker="worker-1", **told)


def take(world):
    """Claims the one that waits as if its wait were over; nothing if none does."""
    world.rows(
        "update public.opt_confirmations set due_at = now() where status = 'due' returning 1"
    )
    found = call(world.connection, "claim_confirmations", p_worker="worker-1", p_limit=9)
    return found[0] if found else None


def test_one_that_meets_a_limit_is_tried_again_ever_later_and_not_for_ever(world):
    page = world.page(world.user(), sends_per_minute=600)
    say(world, page, "stop", seconds=1)
    waits = []

    while row := take(world):
        refuse(world, row)
        assert call(world.connection, "claim_confirmations", p_worker="w", p_limit=9) == []
        [told] = world.rows(
            "select status, error_code,"
            " extract(epoch from due_at - finished_at)::float as wait from public.opt_confirmations"
        )
        waits.append(told["wait"])

    assert len(waits) == 6
    for number, wait in enumerate(waits):
        assert 2.5 * 2**number <= wait <= 5 * 2**number
    assert (told["status"], told["error_code"]) == ("failed", "rate_limited")


def test_one_that_would_be_tried_too_late_has_failed(world):
    owner = world.user()
    page = world.page(owner, sends_per_minute=600)
    say(world, page, "stop", seconds=1)
    refuse(world, take(world), seconds=60)
    assert statuses(world) == ["due"]
    [row] = world.rows(
        "select due_at >= finished_at + interval '1 minute' as waits from public.opt_confirmations"
    )
    assert row["waits"]

    refuse(world, take(world), seconds=1800)
    assert statuses(world) == ["failed"]

    say(world, page, "start", seconds=0)
    refuse(world, take(world))
    world.rows(
        "update public.opt_confirmations set said_at = said_at - interval '10 minutes' returning 1"
    )
    assert take(world) is None
    assert statuses(world) == ["failed", "failed"], "tried and refused is not the same as expired"
    [card] = call_as(world, owner, "page_cards", p_with_counts=False)
    assert (card["unanswered"], card["unanswered_code"]) == (2, "rate_limited")


@pytest.mark.parametrize("order", ["echo first", "answer first", "given up"])
def test_an_echo_proves_that_one_arrived_whatever_was_answered(world, order):
    page = world.page(world.user(), sends_per_minute=600)
    say(world, page, "stop", seconds=1)
    row = take(world)
    if order != "echo first":
        refuse(world, row, seconds=1800 if order == "given up" else 0)
    echo = {
        "sender_id": "77", "direction": "out", "mid": "m_answer", "text": "You will get no more.",
        "said_at": ago().isoformat(), "metadata": f"stagelight-answer:{row['id']}",
    }  # fmt: skip
    foreign = {**echo, "sender_id": "78", "mid": "m_other"}
    call(world.connection, "hear_messages", p_page_id=page["id"], p_messages=Jsonb([foreign]))
    assert statuses(world) != ["sent"], "another contact's"

    call(world.connection, "hear_messages", p_page_id=page["id"], p_messages=Jsonb([echo]))

    if order == "echo first":
        refuse(world, row)
    assert statuses(world) == ["sent"]
    assert take(world) is None


def test_answers_that_facebook_refused_stand_on_the_card_of_their_page_for_a_day(world):
    owner = world.user()
    page, _ = world.page(owner, name="A"), world.page(owner, name="B")
    say(world, page, "stop", seconds=5)
    assert claimed(world) == [("stop", "A")]
    [row] = world.rows("select id from public.opt_confirmations")
    call(
        world.connection, "finish_confirmation",
        p_id=row["id"], p_worker="worker-1", p_status="failed", p_error_code="token_expired",
    )  # fmt: skip

    def cards():
        found = call_as(world, owner, "page_cards", p_with_counts=False)
        return [(card["unanswered"], card["unanswered_code"]) for card in found]

    assert cards() == [(1, "token_expired"), (None, None)]
    world.rows("update public.opt_confirmations set tried_at = %s returning 1", ago(days=2))
    assert cards() == [(None, None), (None, None)]
