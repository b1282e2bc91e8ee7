"""This file is where it is shown when a conversation is looked at, and that this ends."""

import pytest

from pipeline.looks import last_look, look_at_unreadable, next_look


def ages(first: float, lease: float, look_for: float) -> list[float]:
    """How old the try is at each look when it is never there."""
    found = [first]
    while (wait := next_look(found[-1], lease, look_for)) is not None:
        assert wait > 0
        found.append(found[-1] + wait)
    return found


@pytest.mark.parametrize(
    ("first", "all_looks"),
    [
        (15, [15, 30, 50, 90]),  # refused at once, or the connection broke
        (35, [35, 50, 90]),  # not answered in twenty seconds
        (31, [31, 50, 90]),  # its worker ended
        (49.9, [49.9, 90]),
        (88.9, [88.9]),
        (700, [700]),  # nobody was there for long
    ],
)
def test_looks_come_at_growing_distances_and_the_last_a_minute_after_the_lease(first, all_looks):
    assert ages(first, 30, 60) == pytest.approx(all_looks)


@pytest.mark.parametrize("look_for", [1, 3, 60, 3600])
@pytest.mark.parametrize("lease", [1, 3, 30, 600])
def test_there_are_four_looks_at_most_whatever_was_set(lease, look_for):
    for share in range(200):
        found = ages(lease * share / 100, lease, look_for)
        assert len(found) <= 4
        assert found[-1] >= last_look(lease, look_for) * 0.98


def test_what_cannot_be_read_is_asked_for_less_often_but_once_a_minute():
    age, asked = 15.0, 0
    while age < 3600:
        age += look_at_unreadable(age, 30)
        asked += 1

    assert look_at_unreadable(0, 30) == 15
    assert 55 < asked < 70
