"""This file is where an unknown outcome is shown to be settled by reading, never by sending."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.looks import last_look
from pipeline.model import Advance, Fail, Job
from pipeline.stages import Stage
from tests.providers.jobs import PAGE, PERSON, Desk


def at_age(job: Job, seconds: float) -> datetime:
    """So many seconds after the try began."""
    assert job.attempt_started_at is not None
    return job.attempt_started_at + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "kind",
    [
        *("accept-then-error", "accept-then-garbage", "accept-then-nested"),
        *("reset-after-accept", "wrong-recipient"),
    ],
)
def test_a_message_that_arrived_is_found_in_the_thread(desk: Desk, kind: str) -> None:
    desk.sandbox.fault("facebook", kind)
    desk.send(desk.job())

    outcome = desk.settle(desk.job())

    (received,) = desk.sandbox.messages()
    read = {"facebook_message_id": received["message_id"], "from_thread": True}
    assert outcome == Advance(Stage.SENT, read)


@pytest.mark.parametrize("kind", ["refuse-before", "reset-before"])
def test_a_message_that_is_not_there_fails_and_is_never_sent_again(desk: Desk, kind: str) -> None:
    desk.sandbox.fault("facebook", kind)
    job = desk.job()
    desk.send(job)

    outcome = desk.settle(job, at_age(job, last_look(job.lease_seconds)))

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.unknown) == ("outcome_unknown", False)
    assert desk.sandbox.messages() == []


def test_one_look_that_finds_nothing_is_not_the_end(desk: Desk) -> None:
    job = desk.job()

    ages = [15.0]
    while isinstance(outcome := desk.settle(job, at_age(job, ages[-1])), Fail) and outcome.unknown:
        said = outcome.fields["status_message"], outcome.message
        ages.append(ages[-1] + outcome.after_seconds)

    assert ages == [15, 30, 50, 90]
    assert "not there so far" in said[1]
    assert isinstance(outcome, Fail)
    assert outcome.code == "outcome_unknown"


def test_a_thread_that_lags_shows_the_message_at_a_later_look(desk: Desk) -> None:
    job = desk.job()
    desk.send(job)
    desk.sandbox.fault("facebook", "late-thread", call="read", times=2, seconds=3600)

    looks = [desk.settle(job, at_age(job, age)) for age in (15, 30, 50)]

    assert [getattr(outcome, "unknown", None) for outcome in looks] == [True, True, None]
    assert isinstance(looks[-1], Advance)


def test_a_busy_thread_is_read_as_far_back_as_the_attempt(desk: Desk) -> None:
    job = desk.job()
    desk.send(job)
    for number in range(45):
        desk.sandbox.reply(PAGE, PERSON, f"Hello {number}")

    assert isinstance(desk.settle(job), Advance)
    for number in range(15):
        desk.sandbox.reply(PAGE, PERSON, f"Hello again {number}")
    assert isinstance(desk.settle(job), Fail)


def test_no_more_of_a_thread_is_read_than_may_hold_the_message(desk: Desk) -> None:
    for number in range(75):
        desk.sandbox.reply(PAGE, PERSON, f"Hello {number}")
    began = datetime.now(UTC)
    desk.sandbox.fault("facebook", "slow", call="read", times=10, seconds=0)

    desk.settle(desk.job(attempt_started_at=began + timedelta(minutes=2)))
    [after_one_call] = [fault["times"] for fault in desk.sandbox.faults()]
    desk.settle(desk.job(attempt_started_at=began))
    [after_three] = [fault["times"] for fault in desk.sandbox.faults()]

    assert (after_one_call, after_three) == (9, 6)


def test_the_contacts_own_words_and_older_messages_do_not_count(desk: Desk) -> None:
    job = desk.job(message="Hello")
    desk.sandbox.reply(PAGE, PERSON, "Hello")
    assert isinstance(desk.settle(job), Fail)

    desk.send(job)
    later = replace(job, attempt_started_at=datetime.now(UTC) + timedelta(minutes=3))
    assert isinstance(desk.settle(later), Fail)
    assert isinstance(desk.settle(job), Advance)


def test_rows_not_as_documented_hide_no_message_and_prove_none_absent(desk: Desk) -> None:
    desk.sandbox.fault("facebook", "odd-rows", times=2, call="read")

    absent = desk.settle(desk.job())
    desk.send(desk.job())

    assert isinstance(absent, Fail)
    assert absent.unknown
    assert isinstance(desk.settle(desk.job()), Advance)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Salut Chloe\u0301,\n\nça va ?", "Salut Chlo\u00e9, ça va ?"),
        ("A heart \u2764\ufe0f for you", "A heart \u2764 for you"),
        ("\u200fשלום\u200e, Amina\u00ad", "שלום, Amina"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_signs_that_nobody_sees_do_not_hide_our_message(desk: Desk, sent: str, shown: str) -> None:
    desk.send(desk.job(message=shown))

    assert isinstance(desk.settle(desk.job(message=sent)), Advance)
    assert isinstance(desk.settle(desk.job(message=f"{shown}!")), Fail)


@pytest.mark.parametrize(
    "kind",
    [
        "rate-limit",
        "accept-then-nested",
        "reset-before",
        "bad-gateway",
        "token-expired",
        "refuse-before",
    ],
)
def test_while_the_thread_cannot_be_read_the_contact_stays_in_sending(
    desk: Desk, kind: str
) -> None:
    desk.send(desk.job())
    desk.sandbox.fault("facebook", kind, call="read")

    outcome = desk.settle(desk.job())

    assert isinstance(outcome, Fail)
    assert outcome.unknown
    assert isinstance(desk.settle(desk.job()), Advance)


def test_an_hour_without_reading_the_thread_is_the_end(alone: Desk) -> None:
    job = alone.job()
    now = datetime.now(UTC)

    soon, late = alone.settle(job, now), alone.settle(job, now + timedelta(hours=2))

    assert isinstance(soon, Fail)
    assert isinstance(late, Fail)
    assert (soon.unknown, late.unknown) == (True, False)


def test_a_dead_token_is_told_to_the_page_too(desk: Desk) -> None:
    desk.sandbox.fault("facebook", "token-expired", call="read")

    outcome = desk.settle(desk.job())

    assert isinstance(outcome, Fail)
    assert outcome.page_status == "token_invalid"
