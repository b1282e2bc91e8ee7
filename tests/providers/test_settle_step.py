"""This file is where an unknown outcome is shown to be settled by reading, never by sending."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.model import Advance, Fail
from pipeline.stages import Stage
from tests.providers.jobs import PAGE, PERSON, Desk


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
    desk.send(desk.job())

    outcome = desk.settle(desk.job())

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.unknown) == ("outcome_unknown", False)
    assert desk.sandbox.messages() == []


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


def test_white_space_and_composed_letters_do_not_hide_our_message(desk: Desk) -> None:
    desk.send(desk.job(message="Salut Chloe\u0301,\n\nça va ?"))

    assert isinstance(desk.settle(desk.job(message="Salut Chlo\u00e9, ça va ?")), Advance)


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
