"""This file is where it is shown what is asked before an automation runs."""

from pages._components.questions import about_running

FOUND = {
    "name": "Winback",
    "enabled": True,
    "page_held": None,
    "queue": 60,
    "would_send": 0,
    "in_flight": 0,
}


def test_nobody_is_said_to_be_skipped_who_waits_for_a_stopped_page() -> None:
    waits = str(about_running(FOUND | {"page_waits": True}).body)
    moves = str(about_running(FOUND | {"page_waits": False}).body)

    assert "skipped" not in waits
    assert "wait in the queue" in waits
    assert "60 would be checked and skipped" in moves
    assert "wait in the queue" not in moves
