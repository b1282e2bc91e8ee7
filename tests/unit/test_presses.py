"""This file is where it is told whether a press without an answer was done, or how to see it."""

import pytest

from pages._components.errors import UNASKED, before_saving_again, pressed
from pages._many import COUNTED_LATER, step
from pipeline.feed import FeedError

AWAY = "What you see is the last known state; it retries."


def of_a_press(**kind):
    with pytest.raises(FeedError) as raised, pressed("Its card shows it"):
        raise FeedError("The database does not answer.", AWAY, **kind)
    return raised.value.hint


def test_a_press_without_an_answer_says_where_it_is_seen_whether_it_was_done():
    asked = of_a_press(away=True, in_doubt=True)

    assert asked.startswith("Nobody knows yet whether it was done. Its card shows it: look there")
    assert of_a_press(away=True) == UNASKED
    assert of_a_press() == AWAY, "a refusal keeps its own words"


def test_a_batch_without_an_answer_is_counted_with_the_next_one():
    class Silent:
        async def advance_bulk(self, _, __):
            raise FeedError("The database does not answer.", AWAY, in_doubt=True, away=True)

    asked = step(Silent(), {"step": "go", "id": "00000000-0000-4000-8000-000000000000"})

    with pytest.raises(FeedError) as raised:
        asked.send(None)
    assert raised.value.hint == COUNTED_LATER


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"away": True, "in_doubt": True}, "It may have been saved"),
        ({"away": True}, UNASKED),
        ({"signed_out": True}, "Sign in in another tab"),
        ({}, AWAY),
    ],
)
def test_a_form_that_was_not_saved_for_sure_says_so(kind, words):
    assert before_saving_again(FeedError("No.", AWAY, **kind)).startswith(words)
