"""This file is where Facebook's errors are shown to mean what Meta's list says."""

import pytest

from pipeline.ports import GraphError
from pipeline.steps.verdicts import BY_CODE, BY_SUBCODE, Kind, classify, describe


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "slug"),
    [
        (1, 0, Kind.UNKNOWN, "outcome_unknown"),
        (1, 1357046, Kind.UNKNOWN, "outcome_unknown"),
        (2, 0, Kind.UNKNOWN, "outcome_unknown"),
        (2, 2018344, Kind.PAGE, "terms_not_accepted"),
        (4, 0, Kind.LATER, "rate_limited"),
        (17, 0, Kind.LATER, "rate_limited"),
        (32, 0, Kind.LATER, "rate_limited"),
        (341, 0, Kind.LATER, "rate_limited"),
        (613, 0, Kind.LATER, "rate_limited"),
        (613, 2018338, Kind.CONTACT, "too_many_messages"),
        (613, 2534040, Kind.LATER, "rate_limited"),
        (80006, 0, Kind.LATER, "rate_limited"),
        (9, 2018352, Kind.CONTACT, "too_many_messages"),
        (10, 0, Kind.PAGE, "permission_missing"),
        (10, 2018278, Kind.SKIP, "window_closed"),
        (10, 2534022, Kind.SKIP, "window_closed"),
        (10, 2018065, Kind.SKIP, "window_closed"),
        (10, 2018108, Kind.CONTACT, "contact_unavailable"),
        (10, 1893063, Kind.PAGE, "page_restricted"),
        (10, 1893015, Kind.CONTACT, "opted_out"),
        (100, 2018001, Kind.CONTACT, "no_such_contact"),
        (100, 1893061, Kind.CONTACT, "not_accepted"),
        (100, 33, Kind.CONTACT, "no_such_contact"),
        (100, 0, Kind.CONTACT, "not_accepted"),
        (102, 0, Kind.PAGE, "token_invalid"),
        (190, 0, Kind.PAGE, "token_invalid"),
        (190, 458, Kind.PAGE, "token_invalid"),
        (190, 459, Kind.PAGE, "token_checkpoint"),
        (190, 460, Kind.PAGE, "token_invalid"),
        (190, 463, Kind.PAGE, "token_expired"),
        (190, 467, Kind.PAGE, "token_invalid"),
        (200, 0, Kind.PAGE, "permission_missing"),
        (299, 0, Kind.PAGE, "permission_missing"),
        (551, 0, Kind.CONTACT, "contact_unavailable"),
        (551, 1545041, Kind.CONTACT, "contact_unavailable"),
        (368, 0, Kind.PAGE, "page_restricted"),
        (506, 0, Kind.CONTACT, "duplicate"),
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
    assert classify(GraphError(200, 1545041, "(#551) not available")).kind is Kind.CONTACT
    assert classify(GraphError(200, 0, "no permission")).kind is Kind.PAGE


def test_nobody_of_that_name_is_recognised_without_a_subcode() -> None:
    assert classify(GraphError(100, 0, "(#100) No matching user found")).code == "no_such_contact"


def test_an_error_nobody_listed_is_never_repeated_by_itself() -> None:
    assert classify(GraphError(987654, 0, "new")).kind is Kind.CONTACT
    assert classify(GraphError(987654, 0, "new", is_transient=True)).kind is Kind.UNKNOWN


def test_every_verdict_speaks_to_a_person() -> None:
    for verdict in {*BY_CODE.values(), *BY_SUBCODE.values()}:
        assert verdict.message.endswith(".")
        assert verdict.hint or verdict.kind in (Kind.LATER, Kind.UNKNOWN)
        assert (verdict.page_status != "") == (verdict.kind is Kind.PAGE)


def test_facebooks_own_words_are_shown_only_where_we_have_none() -> None:
    unknown, known = GraphError(100, 0, "(#100) odd"), GraphError(190, 463, "secret words")

    assert describe(unknown, classify(unknown)).endswith("(Facebook error 100: (#100) odd)")
    assert "secret" not in describe(known, classify(known))
