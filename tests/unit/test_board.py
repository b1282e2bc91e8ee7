"""This file is where a snapshot becomes what the monitor shows: sections, cards, changes."""

from copy import deepcopy

import pytest

from pages._components.alerts import alerts
from pages._components.ask import Ask
from pages._components.board import board, card, sum_line
from pages._components.delta import Sent
from pipeline.stages import Stage

NOW = "2026-11-22T14:00:00+00:00"


def contact(state_id: int, stage: str, **changes: object) -> dict[str, object]:
    return {
        "state_id": state_id,
        "contact_id": "c",
        "name": "محمد العلي",
        "stage": stage,
        "stage_entered_at": "2026-11-22T13:59:00+00:00",
        "status": "Message written",
        "reason_code": None,
        "error_code": None,
        "error_message": None,
        "error_hint": None,
        "message": None,
        "next_send_at": None,
        "next_check_at": None,
        "generation_time_ms": None,
        "tokens": None,
        "follow_up_count": 0,
        "max_follow_ups": 3,
        "attempt": 0,
        "lost": False,
        **changes,
    }


@pytest.fixture
def snapshot() -> dict:
    stage = {
        "average_seconds": 2.0,
        "oldest_seconds": 4.0,
        "mean_seconds_last_hour": None,
        "in_per_minute": 0,
        "out_per_minute": 0,
    }
    numbers = dict.fromkeys(Stage, 0) | {Stage.READY_TO_SEND: 1, Stage.SENT: 1200}
    return {
        "now": NOW,
        "rule": {
            "name": "Winback",
            "enabled": True,
            "page_name": "Bella's Bakery",
            "page_status": "active",
            "paused_until": None,
            "next_run_at": None,
            "sent_today": 3,
            "daily_limit": 200,
        },
        "workers": {"alive": 1, "last_beat_at": NOW},
        "stages": [
            {"stage": name, "contacts": number, **stage} for name, number in numbers.items()
        ],
        "totals": {"in_flight": 1, "total": 1201, "matching": 1},
        "contacts": [contact(1, "ready_to_send", next_send_at="2026-11-22T14:05:00+00:00")],
        "going_out_next": [],
        "held_back": [{"reason_code": "replied", "contacts": 2, "next_check_at": None}],
        "last_run": None,
    }


def test_all_is_well_and_nothing_alarms(snapshot):
    assert alerts(snapshot) == []


def test_the_sum_adds_up(snapshot):
    assert sum_line(snapshot["stages"]) == "1,201 contacts = 1 in flight + 1,200 sent"
    assert sum_line([]) == "No contacts"


def test_one_cause_is_told_with_what_to_do(snapshot):
    error = {"error_message": "Token expired.", "error_hint": "Reconnect the page."}
    snapshot["stages"][list(Stage).index(Stage.FAILED)]["contacts"] = 2
    snapshot["contacts"] = [contact(number, "failed", **error) for number in (1, 2)]

    (alert,) = alerts(snapshot)

    assert alert["title"] == "2 failed, one cause"
    assert alert["text"] == "Token expired. Reconnect the page."
    assert alert["show"] == "failed"


def test_several_causes_are_not_mixed_up(snapshot):
    snapshot["stages"][list(Stage).index(Stage.FAILED)]["contacts"] = 2
    snapshot["contacts"] = [contact(n, "failed", error_message=f"Cause {n}.") for n in (1, 2)]

    assert alerts(snapshot)[0]["text"].startswith("2 causes")


@pytest.mark.parametrize(
    ("part", "change", "title"),
    [
        ("workers", {"alive": 0}, "No worker is running"),
        ("rule", {"page_status": "token_invalid"}, "Facebook refuses the page's access"),
        ("rule", {"page_status": "restricted"}, "Facebook has restricted the page"),
        ("rule", {"paused_until": "2026-11-22T14:01:00+00:00"}, "Facebook asked us to slow down"),
        ("rule", {"enabled": False}, "Switched off"),
    ],
)
def test_what_stops_the_run_is_said(snapshot, part, change, title):
    snapshot[part] |= change

    assert [alert["title"] for alert in alerts(snapshot)] == [title]


@pytest.mark.parametrize(
    ("stage", "can"),
    [
        ("queued", "cancel"),
        ("generating", "cancel"),
        ("sending", None),
        ("sent", None),
        ("failed", "retry"),
        ("skipped", "retry"),
        ("completed", None),
    ],
)
def test_a_card_offers_only_what_can_be_done(stage, can):
    assert card(contact(1, stage)).get("can") == can


def test_follow_ups_are_counted_as_people_do():
    told = {
        (stage, sent): card(contact(1, stage, follow_up_count=sent))["follow_up"]
        for stage, sent in [("generating", 0), ("generating", 3), ("sent", 1), ("skipped", 0)]
    }
    assert list(told.values()) == [
        "Follow-up 1/3",
        "Follow-up 3/3",
        "Follow-up 1/3",
        "0 of 3 follow-ups sent",
    ]


def test_only_what_changed_goes_to_the_browser(snapshot):
    sent = Sent()
    snapshot["contacts"].append(contact(2, "queued"))
    first = sent.answer(*board(snapshot), has="")
    assert len(first["cards"]) == 2

    assert sent.answer(*board(snapshot), has=first["rev"]) == {"rev": first["rev"]}

    later = deepcopy(snapshot)
    later["contacts"][1]["stage"] = "checking"
    second = sent.answer(*board(later), has=first["rev"])
    assert set(second) == {"rev", "cards"}
    assert [changed["id"] for changed in second["cards"]] == [2]

    later["contacts"].pop(0)
    assert sent.answer(*board(later), has=second["rev"])["order"] == [2]


def test_a_browser_with_an_unknown_revision_gets_everything(snapshot):
    answer = Sent().answer(*board(snapshot), has="of another process")

    assert answer["head"]["name"] == "Winback"
    assert answer["order"] == [1]


@pytest.mark.parametrize("claim", [None, 1, "x", [], {}, {"rule_id": 1}, {"rule_id": None}])
def test_nonsense_from_a_browser_asks_nothing(claim):
    assert Ask.of(claim) is None


def test_a_browsers_claims_are_cut_to_size():
    ask = Ask.of(
        {"rule_id": "r", "stage": "nowhere", "search": "a\x00" * 500, "offset": -3, "seq": 2**60}
    )

    assert ask == Ask("r", "", "a" * 100, 0, "", 0)
