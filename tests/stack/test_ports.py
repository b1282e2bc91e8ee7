"""This file is where two stacks that start at the same moment do not get in each other's way."""

from collections.abc import Iterator

import pytest

from local.ports import Claims
from tests.ports import Room, free_port


@pytest.fixture
def both() -> Iterator[tuple[Claims, Claims]]:
    """The ports of two stacks."""
    claims = Claims(), Claims()
    yield claims
    for each in claims:
        each.release()


def test_a_port_that_nobody_has_bound_yet_is_not_given_to_a_second_stack(
    both: tuple[Claims, Claims],
) -> None:
    first, second = both
    port = first.first_free(free_port())

    assert not second.claim(port)
    assert second.first_free(port) > port


def test_a_stack_that_has_ended_gives_its_ports_back(both: tuple[Claims, Claims]) -> None:
    first, second = both
    port = first.first_free(free_port())

    first.release()

    assert second.claim(port)


def test_two_test_runs_are_never_given_the_same_port() -> None:
    rooms = Room(), Room()

    given = [{room.take(beside=9) for _ in range(200)} for room in rooms]

    assert not given[0] & given[1]
    assert len(given[0]) < 200, "in turn, so the first comes again"
    for room in rooms:
        room.leave()


def test_a_port_that_a_stack_is_about_to_bind_is_not_given(both: tuple[Claims, Claims]) -> None:
    room, (stack, _) = Room(), both
    first = room.take()
    stack.claim(first + 1)

    assert room.take() > first + 1
    room.leave()
