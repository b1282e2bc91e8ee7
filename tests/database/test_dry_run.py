"""This file is where a dry run is held to its word, and whom the daily limit lets through."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, run_now


def test_whose_window_closes_first_goes_first(world):
    page = world.page(world.user())
    rule = world.rule(page, daily_limit=2)
    hours = {world.contact(page, last_inbound_at=ago(hours=n))["id"]: n for n in (1, 20, 5, 12)}

    answers = call(world.connection, "contact_eligibility", p_rule_id=rule["id"])

    passed = {hours[row["contact_id"]] for row in answers if row["reason_code"] == "ok"}
    assert passed == {20, 12}


# Nothing near a border, so that it is the same when the run comes a moment later.
conditions = st.lists(
    st.fixed_dictionaries(
        {
            "last_inbound_at": st.sampled_from([None, 0.5, 2, 9, 23, 25, 2, 9]),
            "tags": st.sampled_from([["class"], ["class"], ["class", "vip"], ["other"]]),
            "opted_out_at": st.sampled_from([None, None, None, 48]),
            "time_zone": st.sampled_from([None, "Asia/Kathmandu"]),
        }
    ),
    min_size=1,
    max_size=25,
)
automations = st.fixed_dictionaries(
    {
        "wait_minutes": st.sampled_from([0, 60, 300]),
        "include_tags": st.sampled_from([[], ["class"]]),
        "exclude_tags": st.sampled_from([[], ["vip"]]),
        "daily_limit": st.sampled_from([0, 3, 8, 200]),
        "run_24_7": st.booleans(),
        "active_days": st.sampled_from([[1, 2, 3, 4, 5, 6, 7], []]),
    }
)


@settings(max_examples=25)
@given(people=conditions, wanted=automations, batch=st.integers(1, 9), is_paused=st.booleans())
def test_a_dry_run_says_what_a_run_then_does(shared_world, people, wanted, batch, is_paused):
    world = shared_world
    page = world.page(world.user(), paused_until=ago(hours=-1) if is_paused else None)
    rule = world.rule(page, active_from="00:00", active_until="23:59:59.999999", **wanted)
    moments = ("last_inbound_at", "opted_out_at")
    there = []
    for number, person in enumerate(people):
        at = {name: person[name] and ago(hours=person[name], seconds=number) for name in moments}
        there.append(world.contact(page, **{**person, **at}))

    said = call_as(world, {"id": rule["user_id"]}, "dry_run", p_rule_id=rule["id"])
    run_now(world, rule)
    worker = Worker(world.connection)
    done = [row for _ in people for row in worker.check(limit=batch)]

    expected = Counter({row["reason_code"]: row["contacts"] for row in said["reasons"]})
    assert said["contacts"] == expected.total() == len(people)
    assert said["would_send"] == expected["ok"]
    # A run does not queue those who lack the tags, whatever else there is against them.
    lacking = [row["id"] for row in there if not set(row["tags"]) & set(wanted["include_tags"])]
    lacking = lacking if wanted["include_tags"] else []
    others = call(
        world.connection, "contact_eligibility", p_rule_id=rule["id"], p_contact_ids=lacking
    )
    expected.subtract(row["reason_code"] for row in others)
    # While Facebook stops the page they wait in the queue, and are not skipped for it.
    assert not is_paused or set(+expected) <= {"page_unavailable"}
    decided = Counter() if is_paused else +expected
    assert Counter(row["reason_code"] or "ok" for row in done) == decided
