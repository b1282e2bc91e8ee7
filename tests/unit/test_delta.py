"""This file is where only what changed goes to the browser, and the browser ends up with all."""

import random

from pages._components.delta import REMEMBERED, Drawn, Sent, moves


def card(number, **fields):
    return {"id": number, "name": f"Person {number}", "stage": "queued", **fields}


def moment(*cards, **sections):
    stages = [{"n": 0} for _ in range(10)]
    return Drawn.of({"stages": stages, "sum": "", **sections}, cards)


def unfolded(before, order):
    """The order as the browser reads it."""
    return [
        number
        for entry in order
        for number in (before[entry[0] : sum(entry)] if isinstance(entry, list) else [entry])
    ]


def test_nothing_changed_says_only_that():
    sent = Sent()
    first = sent.answer(moment(card(1)), "")

    assert first["all"]
    assert sent.answer(moment(card(1)), first["rev"]) == {"rev": first["rev"]}


def test_of_a_card_only_the_fields_that_changed_are_sent():
    sent = Sent()
    first = sent.answer(moment(card(1), card(2, message="Long")), "")

    second = sent.answer(moment(card(1), card(2, stage="checking")), first["rev"])

    assert second["cards"] == [{"id": 2, "stage": "checking", "-": ["message"]}]
    assert set(second) == {"rev", "cards"}


def test_of_the_stages_only_those_that_changed_are_sent():
    sent = Sent()
    first = sent.answer(moment(), "")
    stages = [{"n": int(place == 3)} for place in range(10)]

    assert sent.answer(moment(stages=stages), first["rev"])["stages"] == {"3": {"n": 1}}


def test_who_left_is_no_longer_in_the_order_and_who_came_is_whole():
    sent = Sent()
    first = sent.answer(moment(card(1), card(2), card(3)), "")

    second = sent.answer(moment(card(4), card(2), card(3)), first["rev"])

    assert second["order"] == [4, [1, 2]]
    assert second["cards"] == [card(4)]


def test_any_new_order_can_be_read_from_the_old_one():
    dice = random.Random(7)  # noqa: S311
    for _ in range(300):
        before = dice.sample(range(40), dice.randint(0, 30))
        now = dice.sample(range(40), dice.randint(0, 30))
        assert unfolded(before, moves(before, now)) == now


def test_five_moves_among_a_hundred_are_few_words():
    before = list(range(100))
    now = [70, 71, 5, *(n for n in before if n not in (5, 30, 31, 70, 71)), 30, 31]

    assert len(moves(before, now)) < 10


def test_a_browser_with_an_unknown_revision_gets_everything():
    answer = Sent().answer(moment(card(1)), "of another process")

    assert answer["all"]
    assert answer["order"] == [1]


def test_what_is_remembered_does_not_grow_for_ever():
    sent = Sent()
    first = sent.answer(moment(card(0)), "")
    for number in range(1, REMEMBERED + 1):
        sent.answer(moment(card(number)), "")

    assert sent.answer(moment(card(1)), first["rev"])["all"]


def test_what_did_not_change_is_remembered_only_once():
    sent = Sent()
    before, now = moment(card(1), card(2)), moment(card(1), card(2, stage="checking"))
    first = sent.answer(before, "")

    sent.answer(now, first["rev"])

    assert now.cards[1] is before.cards[1]
    assert now.cards[2]["stage"] == "checking"
