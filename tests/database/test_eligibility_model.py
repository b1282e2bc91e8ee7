"""This file is where who may be written to is compared with what design §4 says, read by Python."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import Row, World
from tests.database.acting import call
from tests.database.test_active_hours import clock_says_open

HOUR = timedelta(hours=1)
# Half and quarter hours, both halves of the earth, and Santiago, where a day begins at one o'clock
# when summer does.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
]
# Around changes of the clock in Berlin, New York, Lord Howe and Santiago, and a day without one.
DAYS = [(3, 8), (3, 29), (4, 5), (9, 6), (10, 4), (10, 25), (11, 1), (7, 1)]
moments = st.builds(
    lambda day, hours, seconds: (
        datetime(2026, *day, tzinfo=UTC) + hours * HOUR + timedelta(seconds=seconds)
    ),
    st.sampled_from(DAYS),
    st.integers(-14, 14),
    st.sampled_from([-1, 0, 1, 900, 1800, 2700]),
)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
usually = st.sampled_from([True] * 9 + [False])
rules = st.fixed_dictionaries(
    {
        "enabled": usually,
        "include_tags": st.sampled_from([[], ["a"], ["a", "b"]]),
        "include_mode": st.sampled_from(["any", "all"]),
        "exclude_tags": st.sampled_from([[], [], ["c"]]),
        "stop_on_reply": st.booleans(),
        "max_follow_ups": st.integers(1, 3),
        "wait_minutes": st.sampled_from([0, 0, 90, 600]),
        "run_24_7": st.booleans(),
        "active_days": st.sets(st.integers(1, 7), min_size=1).map(sorted),
        "active_from": times,
        "active_until": times,
        "time_zone": st.sampled_from(ZONES),
        "daily_limit": st.integers(0, 4),
    }
).filter(lambda rule: rule["active_from"] != rule["active_until"])
ago = st.one_of(st.none(), st.integers(0, 25 * 60))
people = st.fixed_dictionaries(
    {
        "tags": st.sampled_from([["a"], ["a", "b"], ["a", "c"], ["d"], ["a", "b"]]),
        "time_zone": st.sampled_from([None, None, *ZONES]),
        "wrote": st.one_of(st.integers(0, 23 * 60), ago),
        "was_written_to": st.one_of(st.none(), ago),
        "opted_out": usually.map(lambda is_fine: not is_fine),
        "stopped": usually.map(lambda is_fine: not is_fine),
        "stage": st.sampled_from([None, "queued", "checking", "skipped", "sent"]),
        "queued": st.integers(0, 30 * 60),
        "follow_ups": st.integers(0, 2),
        "holds_place": st.booleans(),
    }
)


@dataclass
class Person:
    """A contact of the page, as drawn; moments are minutes before `now`."""

    id: uuid.UUID
    drawn: dict[str, Any]
    now: datetime

    def at(self, name: str) -> datetime | None:
        """The moment that is so many minutes ago."""
        minutes = self.drawn[name]
        return None if minutes is None else self.now - timedelta(minutes=minutes)

    @property
    def has_state(self) -> bool:
        """Whether the automation has met the contact."""
        return self.drawn["stage"] is not None

    @property
    def sent_at(self) -> datetime | None:
        """When the automation last wrote to the contact."""
        return self.at("was_written_to") if self.has_state else None

    @property
    def last_said_at(self) -> datetime | None:
        """When either of them last said something."""
        said = [at for at in (self.at("wrote"), self.sent_at) if at]
        return max(said, default=None)

    @property
    def replied(self) -> bool:
        """Whether the contact wrote after we did, or while waiting for its turn."""
        wrote, since = self.at("wrote"), self.sent_at
        if since is None and self.drawn["stage"] in ("queued", "checking"):
            since = self.at("queued")
        return wrote is not None and since is not None and wrote > since


def first_reason(rule: Row, page: Row, person: Person, now: datetime) -> str:
    """Design §4, in its order, without the daily limit."""
    mine, wanted = set(person.drawn["tags"]), set(rule["include_tags"])
    enough = wanted <= mine if rule["include_mode"] == "all" else wanted & mine
    follow_ups = person.drawn["follow_ups"] if person.has_state else 0
    wrote, said = person.at("wrote"), person.last_said_at
    zone = person.drawn["time_zone"] or rule["time_zone"]
    hours = (rule["active_days"], rule["active_from"], rule["active_until"])
    wrong = {
        "rule_disabled": not rule["enabled"],
        # Once its pause is over, a stopped page is tried with one message (decision 0012).
        "page_unavailable": page["paused_until"] > now
        if page["paused_until"]
        else page["status"] != "active",
        "opted_out": person.drawn["opted_out"],
        "stopped": person.has_state and person.drawn["stopped"],
        "excluded_tag": bool(mine & set(rule["exclude_tags"])),
        "missing_tag": bool(wanted) and not enough,
        "replied": rule["stop_on_reply"] and person.replied,
        "max_follow_ups_reached": follow_ups >= rule["max_follow_ups"],
        "waiting": bool(said and said + timedelta(minutes=rule["wait_minutes"]) > now),
        "window_closed": wrote is None or wrote + 24 * HOUR <= now,
        "outside_active_hours": not rule["run_24_7"] and not clock_says_open(*hours, zone, now),
    }
    return next((reason for reason, is_so in wrong.items() if is_so), "ok")


def verdicts(
    rule: Row, page: Row, reserved: int, people: list[Person], now: datetime
) -> dict[uuid.UUID, str]:
    """The same with the daily limit: whose window closes first goes first."""
    found = {person.id: first_reason(rule, page, person, now) for person in people}
    without_place = [
        person
        for person in people
        if found[person.id] == "ok" and not (person.has_state and person.drawn["holds_place"])
    ]
    without_place.sort(key=lambda person: (person.at("wrote"), person.id))
    for person in without_place[max(rule["daily_limit"] - reserved, 0) :]:
        found[person.id] = "daily_limit_reached"
    return found


def local_day(zone: str, moment: datetime) -> date:
    """The day that a calendar on the wall shows there."""
    return moment.astimezone(ZoneInfo(zone)).date()


def check_next(answer: Row, rule: Row, page: Row, person: Person, now: datetime) -> None:
    """Time alone can cure four of the reasons; the moment said is when it does."""
    reason, moment = answer["reason_code"], answer["next_check_at"]
    if reason == "page_unavailable":
        assert moment == (page["paused_until"] or now + HOUR / 2)
    elif reason == "waiting":
        said = person.last_said_at
        assert said
        assert moment == said + timedelta(minutes=rule["wait_minutes"])
    elif reason == "outside_active_hours":
        zone = person.drawn["time_zone"] or rule["time_zone"]
        hours = (rule["active_days"], rule["active_from"], rule["active_until"])
        assert moment > now
        assert clock_says_open(*hours, zone, moment)
    elif reason == "daily_limit_reached":
        tomorrow = local_day(rule["time_zone"], now) + timedelta(days=1)
        assert local_day(rule["time_zone"], moment) == tomorrow
        assert local_day(rule["time_zone"], moment - timedelta(seconds=1)) < tomorrow
    else:
        assert moment is None


def arranged(world: World, page: Row, rule: Row, drawn: list[Row], now: datetime) -> list[Person]:
    """The contacts on the page, and what the automation knows of them."""
    people = []
    for each in drawn:
        person = Person(uuid.uuid4(), each, now)
        world.contact(
            page,
            id=person.id,
            tags=each["tags"],
            time_zone=each["time_zone"],
            last_inbound_at=person.at("wrote"),
            opted_out_at=now - HOUR if each["opted_out"] else None,
        )
        if person.has_state:
            today = local_day(rule["time_zone"], now)
            world.insert(
                "public.ai_automation_contact_states",
                user_id=page["user_id"],
                rule_id=rule["id"],
                contact_id=person.id,
                current_stage=each["stage"],
                queued_at=person.at("queued"),
                last_sent_at=person.sent_at,
                stopped_at=now - HOUR if each["stopped"] else None,
                follow_up_count=each["follow_ups"],
                # A place of yesterday is none.
                quota_day=today if each["holds_place"] else today - timedelta(days=1),
            )
        people.append(person)
    return people


@settings(max_examples=100)
@given(
    rule=rules,
    status=st.sampled_from(["active"] * 9 + ["restricted"]),
    paused_hours=st.sampled_from([None, None, None, -1, 2]),
    reserved=st.integers(0, 3),
    drawn=st.lists(people, min_size=1, max_size=7),
    now=moments,
)
def test_everybody_is_given_the_reason_that_the_design_gives(
    shared_world, rule, status, paused_hours, reserved, drawn, now
):
    world = shared_world
    page = world.page(
        world.user(), status=status, paused_until=paused_hours and now + paused_hours * HOUR
    )
    stored = world.rule(page, **rule)
    today = local_day(rule["time_zone"], now)
    for day, places in ((today, reserved), (today - timedelta(days=1), 9)):
        world.insert(
            "public.ai_automation_daily_usage",
            user_id=page["user_id"],
            rule_id=stored["id"],
            day=day,
            reserved=places,
        )
    people = arranged(world, page, stored, drawn, now)

    answers = call(world.connection, "contact_eligibility", p_rule_id=stored["id"], p_now=now)

    said = {answer["contact_id"]: answer["reason_code"] for answer in answers}
    assert said == verdicts(rule, page, reserved, people, now)
    for answer in answers:
        [person] = [person for person in people if person.id == answer["contact_id"]]
        check_next(answer, rule, page, person, now)


@settings(max_examples=25)
@given(both=st.tuples(rules, rules), drawn=st.lists(people, min_size=2, max_size=6), now=moments)
def test_two_automations_judged_at_once_are_told_what_each_is_told_alone(
    shared_world, both, drawn, now
):
    world = shared_world
    page = world.page(world.user())
    first, second = (world.rule(page, **rule) for rule in both)
    people = [person.id for person in arranged(world, page, first, drawn, now)]
    pairs = [(first["id"], people), (second["id"], people[1:])]

    together = call(
        world.connection,
        "judge_contacts",
        p_rule_ids=[rule for rule, asked in pairs for _ in asked],
        p_contact_ids=[person for _, asked in pairs for person in asked],
        p_now=now,
        p_as_typed=None,
    )

    alone = {
        (rule, answer["contact_id"]): (answer["reason_code"], answer["next_check_at"])
        for rule, asked in pairs
        for answer in call(
            world.connection,
            "contact_eligibility",
            p_rule_id=rule,
            p_contact_ids=asked,
            p_now=now,
        )
    }
    assert {
        (row["rule_id"], row["contact_id"]): (row["reason_code"], row["next_check_at"])
        for row in together
    } == alone
    assert len(together) == len(alone) == 2 * len(people) - 1
