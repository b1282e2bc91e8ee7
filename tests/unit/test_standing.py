"""This file is where every banner that a monitor can show is shown to have its line on /system."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pages._components.alerts import BANNERS, about_page
from pages._components.standing import standing
from pages._components.standing_lines import state

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
WELL = {"alive": 1, "last_beat_at": NOW.isoformat()}
NOTHING = (
    *("warning", "warned_at", "status_reason", "setback_at", "paused_until", "paused_at"),
    *("disconnected_at", "subscribe_error", "error_message", "unanswered", "unanswered_at"),
)


def moment(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def page(name: str = "Harbour", enabled: bool = True, **values: Any) -> dict[str, Any]:
    runs = {"automations": [{"id": "r", "name": "Mine", "enabled": enabled}]}
    return {**dict.fromkeys(NOTHING), "name": name, "status": "active", **runs, **values}


def rule(name: str = "Mine", **values: Any) -> dict[str, Any]:
    return {"id": f"id-{name}", "name": name, "enabled": True, "failed": 0, **values}


def lines(rules=(), pages=(), workers=WELL):
    return standing(rules or [rule()], pages or [page()], workers, NOW.timestamp())


def drawn(found) -> str:
    return str(state(found).to_plotly_json())


def test_nothing_is_said_when_all_is_well():
    assert lines() == []
    assert "Everything works." in drawn([])


# Banner -> what lets the monitor show it here, and the beginning of its line.
SHOWN = {
    "worker_away": None,  # tests/unit/test_system_view.py
    "sending_held": ({"workers": WELL | {"sending_held": "No."}}, "bad", "Nothing is being sent"),
    "page_problem": ({"pages": [page(paused_at=moment(-5))]}, "warn", "You paused this page"),
    "quota": ({"rules": [rule(ai_quota_until=moment(60))]}, "warn", "Google’s daily quota is"),
    "failures": ({"rules": [rule(failed=3)]}, "warn", "3 contacts failed"),
    "reviews": ({"rules": [rule(to_review=2)]}, "info", "2 messages wait for your approval"),
    "off": ({"rules": [rule(enabled=False)]}, "info", "1 automation switched off"),
}


def test_no_banner_is_without_a_line():
    assert [banner.__name__ for banner in BANNERS] == list(SHOWN)


@pytest.mark.parametrize(("given", "tone", "title"), [each for each in SHOWN.values() if each])
def test_what_a_monitor_says_stands_here_too(given, tone, title):
    [line] = lines(**given)

    assert (line["tone"], line["title"][: len(title)]) == (tone, title)
    assert ("Everything works." in drawn([line])) is (tone == "info")


@pytest.mark.parametrize(
    ("trouble", "tone"),
    [
        ({"disconnected_at": moment(-5)}, "bad"),
        ({"disconnected_at": moment(-5), "enabled": False}, "info"),
        ({"paused_at": moment(-5)}, "warn"),
        ({"status": "token_invalid", "status_reason": "Expired."}, "bad"),
        ({"status": "restricted", "paused_until": moment(30)}, "bad"),
        ({"paused_until": moment(5)}, "warn"),
        ({"warned_at": moment(-5), "warning": "Spam."}, "warn"),
        ({"subscribe_error": "No."}, "warn"),
        ({"unanswered": 1, "unanswered_at": moment(-5), "unanswered_code": "x"}, "warn"),
    ],
)
def test_whatever_is_wrong_with_a_page_has_its_line(trouble, tone):
    [line] = lines(pages=[page(**trouble)])

    assert (line["tone"], line["names"]) == (tone, ["Harbour"])
    told = {"page_name": "Harbour", "page_status": trouble.get("status", "active")}
    ours = {"paused_at": "page_paused_at", "disconnected_at": "page_disconnected_at"}
    told |= {ours.get(name, name): value for name, value in trouble.items()}
    only_here = {"subscribe_error", "unanswered"} & trouble.keys()
    assert bool(about_page(told, NOW.timestamp())) is not bool(only_here)


def test_the_same_trouble_of_many_pages_is_one_line_and_the_worst_stands_first():
    many = [page(f"Page {number}", paused_at=moment(-number)) for number in range(67)]

    found = lines(pages=[*many, page("Gone", status="token_invalid")], rules=[rule(enabled=False)])

    assert [line["tone"] for line in found] == ["bad", "warn", "info"]
    assert "since" not in found[1]
    told = drawn(found)
    assert all(f"“Page {number}”" in told for number in range(3))
    assert "“Page 3”" not in told
    assert " and 64 more. " in told
