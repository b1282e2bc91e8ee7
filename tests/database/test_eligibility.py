"""This file is where it is settled who may be written to, and which reason the others are given."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.database.acting import call, change

# Noon on a Wednesday, so that a reason never depends on when the test runs.
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

# What is wrong, in the order in which it is to be said: table -> the values that make it so.
WRONG = {
    "rule_disabled": {"rule": {"enabled": False}},
    "page_unavailable": {"page": {"status": "token_invalid"}},
    "opted_out": {"contact": {"opted_out_at": NOW - HOUR}},
    "stopped": {"state": {"stopped_at": NOW - HOUR}},
    "excluded_tag": {"rule": {"exclude_tags": ["spring"]}},
    "missing_tag": {"rule": {"include_tags": ["autumn"]}},
    "replied": {"state": {"last_sent_at": NOW - 26 * HOUR}},
    "max_follow_ups_reached": {"state": {"follow_up_count": 3}},
    "waiting": {"rule": {"wait_minutes": 30 * 24 * 60}},
    "window_closed": {"contact": {"last_inbound_at": NOW - 25 * HOUR}},
    "outside_active_hours": {"rule": {"run_24_7": False, "active_days": [1]}},
    "daily_limit_reached": {"rule": {"daily_limit": 0}},
}
FINE = {
    "rule": {
        "enabled": True,
        "exclude_tags": [],
        "include_tags": [],
        "wait_minutes": 0,
        "run_24_7": True,
        "active_days": [1, 2, 3, 4, 5, 6, 7],
        "daily_limit": 200,
        "stop_on_reply": True,
        "time_zone": "UTC",
    },
    "page": {"status": "active", "paused_until": None},
    "contact": {
        "opted_out_at": None,
        "last_inbound_at": NOW - 2 * HOUR,
        "tags": ["spring"],
        "time_zone": None,
    },
    "state": {"stopped_at": None, "last_sent_at": None, "follow_up_count": 0},
}
TABLES = {
    "rule": "ai_automation_rules",
    "page": "facebook_pages",
    "contact": "contacts",
    "state": "ai_automation_contact_states",
}


class Case:
    """One contact of one automation, of whom anything can be made wrong."""

    def __init__(self, world):
        self.world = world
        self.page = world.page(world.user())
        self.rule = world.rule(self.page)
        self.contact = world.contact(self.page)
        self.state = world.insert(
            "public.ai_automation_contact_states",
            user_id=self.page["user_id"],
            rule_id=self.rule["id"],
            contact_id=self.contact["id"],
            current_stage="skipped",
        )

    def make(self, **changes):
        """Sets columns: make(rule={"wait_minutes": 5}, contact={...})."""
        for thing, values in changes.items():
            change(self.world, TABLES[thing], getattr(self, thing), **values)

    def ask(self, now=NOW):
        """Reason and next check of the contact at `now`."""
        [answer] = call(
            self.world.connection, "contact_eligibility", p_rule_id=self.rule["id"], p_now=now
        )
        return answer["reason_code"], answer["next_check_at"]


@pytest.fixture(scope="module")
def shared_case(shared_world):
    return Case(shared_world)


@pytest.fixture
def case(shared_case):
    shared_case.make(**FINE)
    return shared_case


def test_a_contact_with_nothing_against_it_may_be_written_to(case):
    assert case.ask() == ("ok", None)


@pytest.mark.parametrize("reason", WRONG)
def test_each_thing_that_is_wrong_is_called_by_its_name(case, reason):
    case.make(**WRONG[reason])

    assert case.ask()[0] == reason


@pytest.mark.parametrize(("first", "second"), list(pairwise(WRONG)))
def test_of_two_things_that_are_wrong_the_first_in_the_order_is_said(case, first, second):
    case.make(**WRONG[first])
    case.make(**WRONG[second])

    assert case.ask()[0] == first


@settings(max_examples=40)
@given(st.sets(st.sampled_from(list(WRONG)), min_size=3))
def test_of_several_things_too(shared_case, reasons):
    shared_case.make(**FINE)
    for reason in reasons:
        shared_case.make(**WRONG[reason])

    assert shared_case.ask()[0] == next(reason for reason in WRONG if reason in reasons)


@pytest.mark.parametrize(
    ("include", "mode", "exclude", "expected"),
    [
        ([], "any", [], "ok"),
        (["a"], "any", [], "ok"),
        (["a", "z"], "any", [], "ok"),
        (["y", "z"], "any", [], "missing_tag"),
        (["a", "b"], "all", [], "ok"),
        (["a", "z"], "all", [], "missing_tag"),
        ([], "all", ["z"], "ok"),
        ([], "any", ["b", "z"], "excluded_tag"),
        (["a"], "any", ["a"], "excluded_tag"),
        (["A"], "any", [], "ok"),
    ],
)
def test_tags_include_any_or_all_and_exclude_wins(case, include, mode, exclude, expected):
    case.make(
        contact={"tags": ["a", "b"]},
        rule={"include_tags": include, "include_mode": mode, "exclude_tags": exclude},
    )

    assert case.ask()[0] == expected


@pytest.mark.parametrize("later", ["in", "out"])
def test_the_wait_counts_from_the_later_of_the_last_messages(case, later):
    inbound, sent = (NOW - HOUR, NOW - 3 * HOUR) if later == "in" else (NOW - 3 * HOUR, NOW - HOUR)
    case.make(
        contact={"last_inbound_at": inbound},
        state={"last_sent_at": sent},
        rule={"wait_minutes": 90, "stop_on_reply": False},
    )

    assert case.ask() == ("waiting", NOW + HOUR / 2)
    assert case.ask(NOW + HOUR / 2)[0] == "ok"


def test_the_window_closes_after_24_hours_to_the_second(case):
    wrote_at = NOW - 2 * HOUR
    closes_at = wrote_at + timedelta(hours=24)

    assert case.ask(closes_at - timedelta(seconds=1))[0] == "ok"
    assert case.ask(closes_at)[0] == "window_closed"
    assert case.ask(closes_at)[1] is None


def test_a_contact_who_never_wrote_has_no_window(case):
    case.make(contact={"last_inbound_at": None})

    assert case.ask()[0] == "window_closed"


def test_only_a_reply_after_our_message_is_a_reply(case):
    case.make(state={"last_sent_at": NOW - 3 * HOUR})
    answered = case.ask()[0]
    case.make(state={"last_sent_at": NOW - HOUR})

    assert (answered, case.ask()[0]) == ("replied", "ok")


def test_a_reply_stops_nothing_where_the_rule_says_so(case):
    case.make(state={"last_sent_at": NOW - 3 * HOUR}, rule={"stop_on_reply": False})

    assert case.ask()[0] == "ok"


def test_the_contacts_own_zone_counts_before_the_rules(case):
    nine_to_five = {"run_24_7": False, "active_from": time(9), "active_until": time(17)}
    case.make(rule={**nine_to_five, "time_zone": "Asia/Kathmandu"})
    in_kathmandu = case.ask()
    case.make(contact={"time_zone": "America/New_York"})
    in_new_york = case.ask()

    assert in_kathmandu == ("outside_active_hours", datetime(2026, 6, 4, 3, 15, tzinfo=UTC))
    assert in_new_york == ("outside_active_hours", datetime(2026, 6, 3, 13, tzinfo=UTC))


def test_a_paused_page_is_asked_again_when_its_pause_is_over(case):
    case.make(page={"paused_until": NOW + HOUR})

    assert case.ask() == ("page_unavailable", NOW + HOUR)
    assert case.ask(NOW + HOUR)[0] == "ok"


curable = st.fixed_dictionaries(
    {
        "wrote_hours_ago": st.integers(0, 30),
        "wait_minutes": st.sampled_from([0, 45, 600, 2000]),
        "paused_hours": st.sampled_from([None, 1, 5]),
        "active_from": st.integers(0, 23),
        "hours": st.integers(1, 23),
        "zone": st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"]),
        "limit": st.sampled_from([0, 200]),
    }
)


@settings(max_examples=80)
@given(curable)
def test_at_the_next_check_the_answer_is_another(shared_case, given):
    paused, opens = given["paused_hours"], given["active_from"]
    shared_case.make(**FINE)
    shared_case.make(
        page={"paused_until": paused and NOW + paused * HOUR},
        contact={"last_inbound_at": NOW - given["wrote_hours_ago"] * HOUR},
        rule={
            "wait_minutes": given["wait_minutes"],
            "run_24_7": False,
            "active_from": time(opens),
            "active_until": time((opens + given["hours"]) % 24),
            "time_zone": given["zone"],
            "daily_limit": given["limit"],
        },
    )
    reason, next_check_at = shared_case.ask()

    assert (next_check_at is None) == (reason in ("ok", "window_closed"))
    if next_check_at:
        assert next_check_at > NOW
        # A limit of nothing stays one on every day.
        assert shared_case.ask(next_check_at)[0] != reason or given["limit"] == 0


def test_the_daily_limit_is_asked_again_on_the_rules_next_local_day(case):
    case.make(rule={"time_zone": "Asia/Kathmandu", "daily_limit": 1})
    case.world.insert(
        "public.ai_automation_daily_usage",
        user_id=case.page["user_id"],
        rule_id=case.rule["id"],
        day=date(2026, 6, 3),
        reserved=1,
    )
    reason, tomorrow = case.ask()

    assert (reason, tomorrow) == ("daily_limit_reached", datetime(2026, 6, 3, 18, 15, tzinfo=UTC))
    assert case.ask(tomorrow)[0] == "ok"
