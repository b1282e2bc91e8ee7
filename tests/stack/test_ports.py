"""This file is where two stacks that start at the same moment do not get in each other's way."""

from collections.abc import Iterator

import pytest

from local.ports import Claims
from tests.running import free_port


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
