"""This file is where Facebook's errors are shown to mean what Meta's list says."""

import pytest

from pipeline.breaker import Guard
from pipeline.model import Fail, Retry, Skip
from pipeline.ports import GraphError
from pipeline.rows import row_of
from pipeline.steps import verdicts
from pipeline.steps.send import decide
from pipeline.steps.verdicts import BY_CODE, BY_SUBCODE, Kind, Verdict, classify, describe
from tests.providers.jobs import JOB


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "slug"),
    [
        (1, 0, Kind.UNKNOWN, "outcome_unknown"),
        (1, 99, Kind.UNKNOWN, "outcome_unknown"),
        (1, 1357046, Kind.UNKNOWN, "outcome_unknown"),
        (2, 0, Kind.UNKNOWN, "outcome_unknown"),
        (2, 2018344, Kind.PAGE, "terms_not_accepted"),
        (4, 0, Kind.LATER, "rate_limited"),
        (17, 0, Kind.LATER, "rate_limited"),
        (32, 0, Kind.LATER, "rate_limited"),
        (341, 0, Kind.LATER, "rate_limited"),
        (613, 0, Kind.LATER, "rate_limited"),
        (613, 2018338, Kind.FINAL, "too_many_messages"),
        (613, 2534040, Kind.LATER, "rate_limited"),
        (80006, 0, Kind.LATER, "rate_limited"),
        (9, 2018352, Kind.FINAL, "too_many_messages"),
        (10, 0, Kind.PAGE, "permission_missing"),
        (10, 2018278, Kind.SKIP, "window_closed"),
        (10, 2534022, Kind.SKIP, "window_closed"),
        (10, 2018065, Kind.SKIP, "window_closed"),
        (10, 2018108, Kind.FINAL, "contact_unavailable"),
        (10, 1893063, Kind.PAGE, "page_restricted"),
        (10, 1893015, Kind.FINAL, "opted_out"),
        (100, 2018001, Kind.FINAL, "no_such_contact"),
        (100, 1893061, Kind.FINAL, "not_accepted"),
        (100, 33, Kind.FINAL, "no_such_contact"),
        (100, 0, Kind.FINAL, "not_accepted"),
        (100, 2018109, Kind.FINAL, "not_accepted"),
        (102, 0, Kind.PAGE, "token_invalid"),
        (190, 0, Kind.PAGE, "token_invalid"),
        (190, 458, Kind.PAGE, "token_invalid"),
        (190, 459, Kind.PAGE, "token_checkpoint"),
        (190, 460, Kind.PAGE, "token_invalid"),
        (190, 463, Kind.PAGE, "token_expired"),
        (190, 467, Kind.PAGE, "token_invalid"),
        (200, 0, Kind.PAGE, "permission_missing"),
        (299, 0, Kind.PAGE, "permission_missing"),
        (200, 2018028, Kind.PAGE, "permission_missing"),
        (200, 1545041, Kind.FINAL, "contact_unavailable"),
        (551, 0, Kind.FINAL, "contact_unavailable"),
        (551, 1545041, Kind.FINAL, "contact_unavailable"),
        (10, 2534029, Kind.PAGE, "page_restricted"),
        (10, 2534122, Kind.PAGE, "page_restricted"),
        (368, 0, Kind.PAGE, "page_restricted"),
        (506, 0, Kind.FINAL, "duplicate"),
        (-1, 0, Kind.UNKNOWN, "outcome_unknown"),
        (131000, 0, Kind.UNKNOWN, "outcome_unknown"),
        (1200, 0, Kind.UNKNOWN, "outcome_unknown"),
        (2022, 0, Kind.PAGE, "page_restricted"),
        (2018300, 0, Kind.LATER, "thread_taken"),
        (2018321, 0, Kind.LATER, "thread_taken"),
    ],
)
def test_a_documented_error_has_its_class(code: int, subcode: int, kind: Kind, slug: str) -> None:
    verdict = classify(GraphError(code, subcode, "words"))

    assert (verdict.kind, verdict.code) == (kind, slug)


def test_the_subcode_decides_before_the_code() -> None:
    assert classify(GraphError(200, 1545041, "(#551) gone")).page_status == ""
    assert classify(GraphError(200, 0, "no permission")).page_status == "token_invalid"


def test_nobody_of_that_name_is_recognised_without_a_subcode() -> None:
    assert classify(GraphError(100, 0, "(#100) No matching user found")).code == "no_such_contact"


def test_an_error_nobody_listed_may_have_sent_the_message() -> None:
    outcome = decide(JOB, GraphError(987654, 0, "new words"))

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.unknown) == ("outcome_unknown", True)
    assert "987654: new words" in outcome.message


@pytest.mark.parametrize(
    ("code", "room"), [(4, 0), (341, 0), (17, 6), (32, 6), (613, 6), (80006, 6)]
)
def test_a_limit_of_the_app_stops_all_pages_and_one_of_a_page_that_page(
    code: int, room: int
) -> None:
    guard = Guard(opens_after=5)

    outcome = guard.learn(JOB, decide(JOB, GraphError(code, 0, "too many calls")))

    assert guard.room(6) == room
    assert isinstance(outcome, Retry)
    assert outcome.pause_page_seconds > 0
    assert not outcome.counts


def test_what_a_missing_permission_may_cause_stops_the_page_and_is_looked_for() -> None:
    outcome = decide(JOB, GraphError(1, 99, "unknown"))

    assert isinstance(outcome, Fail)
    assert (outcome.unknown, outcome.page_status) == (True, "restricted")
    assert "pages_messaging" in outcome.hint


def test_facebooks_own_opt_out_is_called_like_ours() -> None:
    outcome = decide(JOB, GraphError(10, 1893015, "stopped"))

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.page_status, outcome.unknown) == ("opted_out", "", False)


def test_a_closed_window_says_what_to_wait_for() -> None:
    outcome = decide(JOB, GraphError(10, 2018278, "outside"))

    assert isinstance(outcome, Skip)
    assert outcome.code == "window_closed"
    assert "24 hours" in outcome.message
    assert "writes again" in outcome.hint


def test_every_verdict_speaks_to_a_person() -> None:
    named = [value for value in vars(verdicts).values() if isinstance(value, Verdict)]
    for verdict in [*named, *BY_CODE.values(), *BY_SUBCODE.values()]:
        assert verdict.code
        assert verdict.message.endswith(".")
        assert verdict.hint.endswith(".")
        assert verdict.page_status or verdict.kind is not Kind.PAGE


def test_what_is_written_down_of_any_error_says_what_to_do() -> None:
    errors = [(code, 0) for code in BY_CODE] + [(1, subcode) for subcode in BY_SUBCODE]
    for code, subcode in [*errors, (987654, 0)]:
        row = row_of(JOB, decide(JOB, GraphError(code, subcode, "words")))

        assert row["error_code"]
        assert row["error_message"]
        assert str(row["error_hint"]).endswith(".")


def test_facebooks_own_words_are_shown_only_where_we_have_none() -> None:
    unknown, known = GraphError(100, 0, "(#100) odd"), GraphError(190, 463, "secret words")

    assert describe(unknown, classify(unknown)).endswith("(Facebook error 100: (#100) odd)")
    assert "secret" not in describe(known, classify(known))
