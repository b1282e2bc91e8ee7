"""This file is where the schedule is compared with a clock, and no slot starts twice."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg import errors

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now


@pytest.fixture
def page(world):
    return world.page(world.user())


# A day before each zone changes its clock, and when its local times then come, in UTC.
CHANGES = {
    "Berlin goes back at three": (
        "Europe/Berlin", "2026-10-24T12:00Z", ["01:30", "02:30", "03:30"],
        ["10-24T23:30", "10-25T00:30", "10-25T02:30", "10-26T00:30"],
    ),
    "Berlin leaves two o'clock out": (
        "Europe/Berlin", "2026-03-28T12:00Z", ["01:30", "02:30", "03:30"],
        ["03-29T00:30", "03-29T01:00", "03-29T01:30", "03-29T23:30"],
    ),
    "New York goes back at two": (
        "America/New_York", "2026-10-31T12:00Z", ["01:30", "09:00"],
        ["10-31T13:00", "11-01T05:30", "11-01T14:00", "11-02T06:30"],
    ),
    "New York leaves two o'clock out": (
        "America/New_York", "2026-03-07T15:00Z", ["02:30", "09:00"],
        ["03-08T07:00", "03-08T13:00", "03-09T06:30", "03-09T13:00"],
    ),
    "Lord Howe goes back half an hour": (
        "Australia/Lord_Howe", "2026-04-04T03:00Z", ["01:45", "02:00"],
        ["04-04T14:45", "04-04T15:30", "04-05T15:15", "04-05T15:30"],
    ),
    "Lord Howe leaves half an hour out": (
        "Australia/Lord_Howe", "2026-10-03T03:00Z", ["02:15", "17:30"],
        ["10-03T07:00", "10-03T15:30", "10-04T06:30", "10-04T15:15"],
    ),
}  # fmt: skip
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
NIGHTS = [(3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31)]


def coming(world, times, zone, after, count):
    """The next moments of the schedule, as the database says them."""
    moments = []
    for _ in range(count):
        [answer] = call(world.connection, "next_slot", p_run_at=times, p_zone=zone, p_after=after)
        after = answer["next_slot"]
        moments.append(after)
    return moments


def name_of(world, times, zone, moment):
    [answer] = call(world.connection, "slot_of", p_run_at=times, p_zone=zone, p_moment=moment)
    return answer["slot_of"]


@pytest.mark.parametrize(("zone", "after", "times", "moments"), CHANGES.values(), ids=CHANGES)
def test_a_local_time_comes_once_a_day_when_the_clock_is_changed(
    shared_world, zone, after, times, moments
):
    clocks = [time.fromisoformat(clock) for clock in times]

    found = coming(shared_world, clocks, zone, datetime.fromisoformat(after), len(moments))

    assert [f"{moment.astimezone(UTC):%m-%dT%H:%M}" for moment in found] == moments
    names = [name_of(shared_world, clocks, zone, moment) for moment in found]
    assert len(set(names)) == len(names)
    assert all(name.endswith(zone) for name in names)


@pytest.mark.parametrize("zone", ZONES)
def test_the_schedule_agrees_with_a_clock_on_the_wall(shared_world, zone):
    clocks = [time(0), time(1, 45), time(2, 15), time(17, 30)]
    for month, day in NIGHTS:
        after = datetime(2026, month, day, tzinfo=UTC)
        wall, shown = [], set()
        moment = after
        while len(wall) < 9:
            moment += timedelta(minutes=15)
            local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            before = (moment - timedelta(minutes=15)).astimezone(ZoneInfo(zone))
            passed = {
                datetime.combine(local.date(), clock)
                for clock in clocks
                if before.replace(tzinfo=None) < datetime.combine(local.date(), clock) <= local
            }
            if passed - shown:
                wall.append(moment)
            shown |= passed

        assert coming(shared_world, clocks, zone, after, 9) == wall, (zone, month, day)


def test_the_repeated_hour_has_the_name_of_the_first(shared_world):
    clocks = [time(2, 30)]
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))

    names = {name_of(shared_world, clocks, "Europe/Berlin", moment) for moment in (first, second)}

    assert names == {"2026-10-25 02:30:00 Europe/Berlin"}
    assert name_of(shared_world, [], "Europe/Berlin", first) == "2026-10-25 00:30:00.000000 UTC"


def test_the_database_refuses_to_start_a_slot_twice_whatever_locks_do(world, page):
    rule = world.rule(page)
    world.contact(page)
    due = ago(minutes=1)
    change(world, "ai_automation_rules", rule, next_run_at=due)
    [first] = call(world.connection, "enqueue_due_contacts")
    world.contact(page)

    # As if the first had never moved the schedule on, and no row had been locked.
    change(world, "ai_automation_rules", rule, next_run_at=due)
    [second] = call(world.connection, "enqueue_due_contacts")

    queued = [answer["enqueue_due_contacts"]["queued"] for answer in (first, second)]
    assert queued == [1, 0]
    [run] = world.rows("select * from public.ai_automation_runs")
    assert run["slot"].endswith("UTC")
    with pytest.raises(errors.UniqueViolation):
        world.rows(
            "insert into public.ai_automation_runs (user_id, rule_id, source, slot)"
            " select user_id, rule_id, source, slot from public.ai_automation_runs returning id"
        )


def test_a_run_at_a_local_time_says_which_and_the_next_one_is_set(world, page):
    rule = world.rule(page, run_at=["09:00", "17:30"], time_zone="Europe/Berlin")
    owner = {"id": rule["user_id"]}
    world.contact(page)
    call_as(world, owner, "set_rule_enabled", p_rule_id=rule["id"], p_enabled=True)
    slots = {"09:00:00", "17:30:00"}
    due = local_next_run(world, rule)
    assert str(due.time()) in slots
    today = "timezone('Europe/Berlin', now())::date"
    [row] = world.rows("select timezone('Europe/Berlin', " + today + " - 1 + time '09:00') as at")
    yesterday = row["at"]
    change(world, "ai_automation_rules", rule, next_run_at=yesterday)

    call(world.connection, "enqueue_due_contacts")

    [run] = world.rows("select slot from public.ai_automation_runs")
    assert run["slot"].endswith("09:00:00 Europe/Berlin")
    assert local_next_run(world, rule) == due


def test_who_changes_the_schedule_means_the_next_run(world, page):
    rule = world.rule(page, run_every_minutes=10_080, time_zone="Asia/Kathmandu")
    world.rows(
        "update public.ai_automation_rules set next_run_at = now() + interval '7 days' returning id"
    )
    minutes = (
        "select extract(epoch from next_run_at - now()) / 60 as minutes"
        " from public.ai_automation_rules"
    )

    world.rows("update public.ai_automation_rules set run_every_minutes = 60 returning id")
    [hourly] = world.rows(minutes)
    world.rows("update public.ai_automation_rules set run_at = '{06:15}' returning id")
    at_six = local_next_run(world, rule, "Asia/Kathmandu")
    world.rows("update public.ai_automation_rules set run_at = '{}' returning id")
    [again] = world.rows(minutes)

    assert 59 < hourly["minutes"] <= 60
    assert str(at_six.time()) == "06:15:00"
    assert 59 < again["minutes"] <= 60


def local_next_run(world, rule, zone="Europe/Berlin"):
    [row] = world.rows(
        "select timezone(%s, next_run_at) as at from public.ai_automation_rules where id = %s",
        zone,
        rule["id"],
    )
    return row["at"]


@pytest.mark.parametrize(("times", "comes"), [([], True), (["23:50", "23:51"], False)])
def test_a_next_check_is_kept_between_two_runs_unless_only_times_of_day_were_chosen(
    world, page, times, comes
):
    rule = world.rule(page, run_at=times, next_run_at=ago(hours=-5))
    states = [
        world.insert(
            "public.ai_automation_contact_states",
            **{"user_id": page["user_id"], "rule_id": rule["id"], "max_follow_ups": 3},
            contact_id=world.contact(page)["id"],
            current_stage=stage,
            reason_code=reason,
            next_check_at=at,
        )
        for stage, reason, at in [
            ("sent", None, ago(minutes=1)),
            *(("skipped", why, ago(minutes=1)) for why in ("waiting", "outside_active_hours")),
            *(
                ("skipped", why, ago(minutes=1))
                for why in ("daily_limit_reached", "page_unavailable", "page_paused")
            ),
            ("sent", None, ago(minutes=-1)),
        ]
    ]
    told = [call(world.connection, "enqueue_due_contacts") for _ in range(2)]
    change(world, "ai_automation_contact_states", states[-1], next_check_at=ago())
    told.append(call(world.connection, "enqueue_due_contacts"))

    runs = world.rows("select total, source from public.ai_automation_runs")
    queued = [answer["enqueue_due_contacts"]["queued"] for [answer] in told]
    assert queued == ([6, 0, 1] if comes else [0, 0, 0])
    # One run, unless the hour has just changed.
    assert sum(run["total"] for run in runs) == sum(queued)
    assert len(runs) in ((1, 2) if comes else (0,))


def test_a_person_is_told_the_time_of_day_at_which_a_contact_is_looked_at(world, page):
    rule = world.rule(page, run_at=["09:00"], time_zone="Asia/Kathmandu")
    # A moment to come; what is past would be looked at now.
    moment = datetime(2100, 12, 1, 3, 15, tzinfo=UTC)

    def shown(check_at, times=rule["run_at"]):
        arguments = {"p_run_at": times, "p_zone": "Asia/Kathmandu", "p_check_at": check_at}
        [answer] = call(world.connection, "next_look", **arguments)
        return answer["next_look"]

    assert shown(moment) == moment
    assert shown(moment + timedelta(seconds=1)) == moment + timedelta(days=1)
    assert shown(moment + timedelta(seconds=1), times=[]) == moment + timedelta(seconds=1)
    assert shown(None) is None
    assert shown(datetime(2026, 1, 1, tzinfo=UTC)) > datetime.now(UTC)


@pytest.mark.parametrize(("wait", "minutes"), [(0, 45), (30, 30)])
def test_without_a_wait_the_next_follow_up_comes_as_late_as_the_next_run(
    world, page, wait, minutes
):
    rule, _ = world.rule(page, wait_minutes=wait, run_every_minutes=45), world.contact(page)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    worker.send()

    [state] = world.rows(
        "select next_check_at - last_sent_at as wait from public.ai_automation_contact_states"
    )
    assert state["wait"] == timedelta(minutes=minutes)


def test_a_contact_that_comes_twice_in_an_hour_counts_once_in_its_run(world, page):
    rule, contact = (
        world.rule(page, wait_minutes=15, next_run_at=ago(hours=-5)),
        world.contact(page),
    )
    worker = Worker(world.connection)
    run_now(world, rule)
    told = []
    for _ in range(2):
        worker.check()
        worker.write()
        worker.send()
        change(world, "contacts", contact, last_outbound_at=ago(minutes=20))
        world.rows(
            "update public.ai_automation_contact_states set next_check_at = now(),"
            " last_sent_at = now() - interval '20 minutes' returning id"
        )
        [answer] = call(world.connection, "enqueue_due_contacts")
        told.append(answer["enqueue_due_contacts"]["queued"])
    worker.check()
    worker.write()
    worker.send()

    assert told == [1, 1]
    runs = world.rows("select total, sent, finished_at from public.ai_automation_runs")
    # Run now and the follow-ups; three runs only if the hour has changed meanwhile.
    assert len(runs) in (2, 3)
    assert all(run["total"] == run["sent"] == 1 and run["finished_at"] for run in runs)
