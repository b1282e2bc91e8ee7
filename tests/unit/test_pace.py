"""This file is where it is judged how a stage gets on."""

import pytest

from pages._components.pace import pace
from pipeline.stages import Stage

IN, OUT = 10, 30


@pytest.mark.parametrize(
    ("contacts", "oldest", "p95", "flow", "told"),
    [
        (0, None, None, (0, 0), []),
        (10, 4, 9, (0, 30), ["clears", 20]),
        (3, 4, 9, (0, 30), ["clears", 6]),
        (300, 4, 9, (0, 30), ["clears", 600]),
        (3000, 4, 9, (0, 10), ["clears", 18_000]),
        (10, 4, 9, (31, 30), ["grows"]),
        (10, 30, 9, (0, 30), ["slow"]),
        (10, 4, 0.4, (0, 30), ["clears", 20]),
        (1, 59, 2, (0, 0), []),
        (1, 61, 2, (0, 0), ["stalled"]),
        (1, 61, 100, (0, 0), []),
        (1, 201, 100, (0, 0), ["stalled"]),
        (1, 61, None, (0, 0), ["stalled"]),
        (1, 500, None, (0, 1), ["clears", 60]),
    ],
)
def test_how_it_gets_on(contacts, oldest, p95, flow, told):
    assert pace(Stage.GENERATING, contacts, oldest, p95, flow) == told


@pytest.mark.parametrize("stage", [Stage.READY_TO_SEND, Stage.SENT, Stage.FAILED, Stage.COMPLETED])
def test_where_waiting_is_meant_nothing_is_called_slow(stage):
    assert pace(stage, 5, 90_000, 1, (0, 0)) == []


def test_a_handful_of_passes_says_nothing_about_what_is_usual():
    assert pace(Stage.QUEUED, 10, 30, 1, (IN, OUT), passes=2) == ["clears", 20]
