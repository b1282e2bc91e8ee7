"""This file is where a page's card is shown to say what matters most, and what can be done."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pages._components.alerts import about_page
from pages._components.page_card import page_card

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def moment(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def card(**values: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        (
            *(
                "warning",
                "warned_at",
                "status_reason",
                "setback_at",
                "paused_until",
                "paused_at",
                "disconnected_at",
            ),
            *("subscribe_error", "usage_percent", "usage_at", "phase", "is_full", "threads_seen"),
            *("threads_total", "seconds_a_thread", "requested_at", "started_at", "finished_at"),
            *("unanswered", "unanswered_at", "unanswered_code"),
            *("not_before_at", "error_message", "error_hint", "error_at", "contacts"),
        )
    )
    own = {"id": "p", "facebook_page_id": "77", "name": "Harbour", "status": "active"}
    given = {"sends_per_minute": 60, "automations": []}
    return page_card({**nothing, **own, **given, **values}, NOW.timestamp())


@pytest.mark.parametrize(
    ("values", "word", "acts"),
    [
        ({}, "Connected", ["sync", "pause", "token", "disconnect"]),
        ({"paused_at": moment(-5)}, "Paused by you", ["sync", "resume", "token", "disconnect"]),
        (
            {"paused_until": moment(5)},
            "Waiting for Facebook",
            ["sync", "try", "pause", "token", "disconnect"],
        ),
        ({"paused_until": moment(-5)}, "Connected", ["sync", "pause", "token", "disconnect"]),
        (
            {"warning": "Spamming", "warned_at": moment(-5), "subscribe_error": "No."},
            "Warned by Facebook",
            ["sync", "sync", "pause", "token", "disconnect"],
        ),
        (
            {"warning": "Spamming", "warned_at": moment(-8 * 1440)},
            "Connected",
            ["sync", "pause", "token", "disconnect"],
        ),
        ({"status": "token_invalid"}, "Access refused", ["token", "pause", "disconnect"]),
        (
            {"status": "restricted", "paused_until": moment(5)},
            "Restricted by Facebook",
            ["sync", "try", "pause", "token", "disconnect"],
        ),
        (
            {"subscribe_error": "No."},
            "Messages do not arrive",
            ["sync", "sync", "pause", "token", "disconnect"],
        ),
        (
            {"disconnected_at": moment(-5), "paused_until": moment(5), "subscribe_error": "No."},
            "Disconnected",
            ["connect"],
        ),
    ],
)
def test_the_worst_comes_first_and_only_what_helps_is_offered(
    values: Any, word: str, acts: list[str]
) -> None:
    shown = card(**values)

    assert shown["health"]["word"] == word
    assert [act for act, _, _ in shown["acts"]] == acts


@pytest.mark.parametrize(
    ("values", "text", "more"),
    [
        ({}, None, {"phase": "never"}),
        ({"phase": "idle", "finished_at": moment(-1)}, None, {"phase": "idle"}),
        ({"phase": "idle", "requested_at": moment(0)}, "Reading begins in a moment", {}),
        ({"phase": "counting", "threads_seen": 1}, "Counting: 1 conversation so far", {}),
        (
            {"phase": "reading", "is_full": True, "threads_seen": 5, "threads_total": 20,
             "seconds_a_thread": 2},
            "Read 5 of 20 conversations",
            {"percent": 25, "left": 30},
        ),
        ({"phase": "reading", "threads_seen": 5}, "Looking for what changed", {}),
        (
            {"phase": "reading", "error_message": "No.", "not_before_at": moment(1)},
            "Looking for what changed",
            {"later": (NOW + timedelta(minutes=1)).timestamp()},
        ),
        ({"phase": "reading", "disconnected_at": moment(-5)}, None, {"phase": "off"}),
    ],
)  # fmt: skip
def test_how_far_it_is_read_is_told_with_what_is_left(values: Any, text: Any, more: Any) -> None:
    sync = card(**values)["sync"]

    assert sync.get("text") == text
    assert more.items() <= sync.items()


def test_every_trouble_says_what_to_do_and_since_when() -> None:
    refused = {"status": "token_invalid", "setback_at": moment(-9), "status_reason": "Expired."}
    unread = {"error_message": "Not listed.", "error_hint": "By itself.", "error_at": moment(-1)}

    [trouble] = card(**refused)["problems"]
    [gone] = card(paused_at=moment(-2), disconnected_at=moment(-1))["problems"]
    paused, unheard, reading = card(paused_at=moment(-2), subscribe_error="No.", **unread)[
        "problems"
    ]

    assert (trouble["title"], trouble["tone"]) == ("Expired", "bad")
    assert "new token" in trouble["text"]
    assert trouble["since"] == (NOW - timedelta(minutes=9)).timestamp()
    assert "resume" in paused["text"]
    assert "stays paused until you resume it" in gone["text"]
    assert "No." in unheard["text"]
    assert (reading["title"], reading["text"]) == ("Reading stopped: Not listed.", "By itself.")


@pytest.mark.parametrize(
    ("values", "connected", "paused"),
    [
        ({}, True, False),
        ({"paused_at": moment(-5)}, True, True),
        ({"disconnected_at": moment(-5)}, False, False),
        ({"disconnected_at": moment(-5), "paused_at": moment(-9)}, False, True),
    ],
)
def test_the_form_can_tell_which_pages_are_connected_or_paused(
    values: Any, connected: bool, paused: bool
) -> None:
    shown = card(**values)

    assert (shown["connected"], shown["paused"]) == (connected, paused)


def test_a_warning_is_told_with_what_to_do_and_stops_nothing() -> None:
    warned = {"warning": "Spamming.", "warned_at": moment(-5)}
    [told] = card(**warned)["problems"]

    assert (told["tone"], told["title"]) == ("warn", "Facebook warned about this page")
    assert told["text"].startswith("“Spamming.” It still sends.")
    assert "Page Quality" in told["text"]
    [first, second] = card(**warned, paused_until=moment(5))["problems"]
    assert (first["text"], second["title"]) == ("It goes on by itself.", told["title"])
    banner = about_page({**warned, "page_status": "active"}, NOW.timestamp())
    assert banner is not None
    assert banner["title"] == told["title"]


def test_who_wrote_stop_and_got_no_answer_is_told_of_with_the_cause():
    refused = {"unanswered_at": moment(-5), "unanswered_code": "token_expired"}

    [one] = card(unanswered=1, **refused)["problems"]
    [two] = card(unanswered=2, **refused | {"unanswered_code": "graph_7"})["problems"]

    assert one["title"] == "1 STOP or START could not be answered"
    assert one["text"] == ("The page's access has expired. What they asked for holds all the same.")
    assert (two["title"], two["text"][:9]) == (
        "2 STOPs or STARTs could not be answered",
        "Graph 7. ",
    )
