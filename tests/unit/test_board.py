"""This file is where a snapshot becomes what the monitor shows around its list."""

from datetime import UTC, datetime

import pytest

from pages._components.alerts import about_page, alerts
from pages._components.ask import Ask
from pages._components.board import board, sum_line
from pages._components.words import epoch
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
        "p95_seconds": None,
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
            "usage_percent": None,
            "sends_per_minute": 30,
        },
        "workers": {"alive": 1, "last_beat_at": NOW},
        "stages": [
            {"stage": name, "contacts": number, **stage} for name, number in numbers.items()
        ],
        "failures": [],
        "to_review": 0,
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


def failure(code, contacts=1, **changes):
    row = {"error_code": code, "contacts": contacts, "message": f"Cause {code}.", "hint": "Do it."}
    return row | changes


def test_one_cause_is_told_with_what_to_do(snapshot):
    snapshot["failures"] = [failure("not_accepted", 2)]

    (alert,) = alerts(snapshot)

    assert alert["title"] == "2 failed, one cause"
    assert alert["causes"] == [
        {"n": 2, "code": "not_accepted", "text": "Cause not_accepted.", "hint": "Do it.",
         "retry": "retry"}
    ]  # fmt: skip


def test_several_causes_are_not_mixed_up_and_many_are_counted(snapshot):
    snapshot["failures"] = [failure(f"code_{n}") for n in range(6)]

    (alert,) = alerts(snapshot)

    assert alert["title"] == "6 failed, 6 causes"
    assert (len(alert["causes"]), alert["more"]) == (4, 2)


@pytest.mark.parametrize(
    ("code", "status", "offered"),
    [
        ("not_accepted", "active", "retry"),
        ("outcome_unknown", "active", "again"),
        ("opted_out", "active", ""),
        ("token_expired", "active", "retry"),
        ("token_expired", "token_invalid", ""),
    ],
)
def test_a_cause_offers_a_retry_only_where_it_can_help(snapshot, code, status, offered):
    snapshot["rule"]["page_status"] = status
    snapshot["failures"] = [failure(code)]

    assert alerts(snapshot)[-1]["causes"][0]["retry"] == offered


def test_the_ready_card_says_what_goes_out_next_and_what_waits_for_a_person(snapshot):
    snapshot["going_out_next"] = [{"name": "Zoë", "next_send_at": NOW}]
    snapshot["to_review"] = 3

    sections, _ = board(snapshot)

    ready = sections["stages"][list(Stage).index(Stage.READY_TO_SEND)]
    assert (ready["note"], ready["next"]) == ("3 to review", 1795356000.0)


def test_who_gets_nothing_is_told_over_all_contacts_once_it_is_known(snapshot):
    assert board(snapshot)[0]["held"] == {"rows": [["Replied", 2, None]]}
    row = {"reason_code": "missing_tag", "contacts": 88, "next_check_at": None}
    snapshot["others"] = {
        "contacts": 100,
        "would_send": 12,
        "at": 1795356000,
        "reasons": [row, {"reason_code": "ok", "contacts": 12, "next_check_at": None}],
    }

    held = board(snapshot)[0]["held"]

    rows = [["Lacks the automation's tags", 88, None]]
    assert held == {"of": 100, "ok": 12, "at": 1795356000, "rows": rows}


@pytest.mark.parametrize(
    ("waiting", "title"),
    [(1, "1 message waits for your approval"), (26, "26 messages wait for your approval")],
)
def test_messages_that_wait_for_a_person_are_said_and_can_be_shown(snapshot, waiting, title):
    snapshot["to_review"] = waiting

    told = {"tone": "info", "title": title, "show": "ready_to_send", "approve": True}
    assert alerts(snapshot) == [told]


@pytest.mark.parametrize(
    ("part", "change", "title"),
    [
        ("workers", {"alive": 0}, "No worker is running"),
        ("workers", {"sending_held": "No receiver."}, "Nothing is being sent"),
        ("rule", {"page_status": "token_invalid"}, "Facebook refuses the page's access"),
        ("rule", {"page_status": "restricted"}, "Facebook has restricted the page"),
        ("rule", {"paused_until": "2026-11-22T14:01:00+00:00"}, "Facebook asked us to slow down"),
        ("rule", {"enabled": False}, "Switched off"),
    ],
)
def test_what_stops_the_run_is_said(snapshot, part, change, title):
    snapshot[part] |= change

    assert [alert["title"] for alert in alerts(snapshot)] == [title]


@pytest.mark.parametrize("claim", [None, 1, "x", [], {}, {"rule_id": 1}, {"rule_id": None}])
def test_nonsense_from_a_browser_asks_nothing(claim):
    assert Ask.of(claim) is None


def test_a_browsers_claims_are_cut_to_size():
    ask = Ask.of(
        {"rule_id": "r", "stage": "nowhere", "search": "a\x00" * 500, "offset": -3, "seq": 2**60}
    )

    assert ask == Ask("r", "", "a" * 100)


def test_a_page_that_is_refused_says_its_cause_and_when_it_is_tried_again(snapshot):
    snapshot["rule"] |= {
        "page_status": "token_invalid",
        "page_reason": "The page's access to Facebook has expired.",
        "paused_until": "2026-11-22T14:30:00+00:00",
    }

    [alert] = alerts(snapshot)

    assert alert["title"] == "The page's access to Facebook has expired"
    assert "Give “Bella's Bakery” a new access token" in alert["text"]
    assert alert["until"] == epoch("2026-11-22T14:30:00+00:00")
    assert about_page(snapshot["rule"], epoch(NOW)) == alert


@pytest.mark.parametrize("hours", [9, -1])
def test_googles_daily_quota_is_told_with_its_end_until_it_has_ended(snapshot, hours):
    ends = epoch(NOW) + 3600 * hours
    snapshot["rule"]["ai_quota_until"] = datetime.fromtimestamp(ends, UTC).isoformat()

    told = alerts(snapshot)

    assert [alert["on"] for alert in told] == ([ends] if hours > 0 else [])
