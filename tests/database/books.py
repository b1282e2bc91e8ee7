"""This file is where the books of an automation are counted again, from the rows themselves."""

from collections import Counter

from pipeline.stages import IN_FLIGHT, MOVES, Stage
from tests.builders import Row, World

STATES = "select * from public.ai_automation_contact_states where rule_id = %s order by id"
HELD = ("checking", "generating", "sending")


def stages(world: World, rule: Row) -> dict[int, str]:
    """The stage of every contact, by the id of its state."""
    return {state["id"]: state["current_stage"] for state in world.rows(STATES, rule["id"])}


def check_flow(world: World, rule: Row, states: list[Row]) -> None:
    """Who came in and did not go out is there."""
    there = Counter(state["current_stage"] for state in states)
    flow = world.rows(
        "select stage::text, sum(entered - passed) as contacts"
        " from public.ai_automation_stage_minutes where rule_id = %s group by stage",
        rule["id"],
    )
    assert {row["stage"]: row["contacts"] for row in flow if row["contacts"]} == there


def check_runs(world: World, rule: Row, states: list[Row]) -> None:
    """total = sent + skipped + failed + in flight, and finished means that none is in flight."""
    flying = Counter(s["run_id"] for s in states if s["current_stage"] in IN_FLIGHT)
    for run in world.rows("select * from public.ai_automation_runs where rule_id = %s", rule["id"]):
        in_flight = flying[run["id"]]
        assert run["total"] == run["sent"] + run["skipped"] + run["failed"] + in_flight
        assert (run["finished_at"] is not None) == (in_flight == 0)


COUNTED = """
select stage::text, slot, reason, sum(contacts) as contacts, sum(entered_ms) as seconds
from public.ai_automation_stage_counts where rule_id = %s and slot >= public.monitor_since()
group by stage, slot, reason having sum(contacts) <> 0 or sum(entered_ms) <> 0
order by stage, slot, reason
"""
RECOUNTED = """
select
    current_stage::text as stage, slot, end_reason as reason, count(*) as contacts,
    sum((date_part('epoch', stage_entered_at) * 1000)::bigint) as seconds
from public.ai_automation_contact_states
where rule_id = %s and slot >= public.monitor_since()
group by current_stage, slot, end_reason order by current_stage::text, slot, end_reason
"""


def check_counts(world: World, rule: Row) -> None:
    """What the triggers kept is what counting again gives: contacts, reasons, entry times."""
    assert world.rows(COUNTED, rule["id"]) == world.rows(RECOUNTED, rule["id"])


def check_histories(world: World, rule: Row, states: list[Row]) -> None:
    """Each contact's events follow one another without a gap, along the graph, until now."""
    last: dict[int, str] = {}
    for event in world.rows(
        "select * from public.ai_automation_stage_events where rule_id = %s order by id", rule["id"]
    ):
        start, end = event["from_stage"], event["to_stage"]
        assert start == last.get(event["state_id"])
        assert start is None or Stage(end) in MOVES[Stage(start)]
        last[event["state_id"]] = end
    assert last == {state["id"]: state["current_stage"] for state in states}


def check_attempts(world: World, rule: Row, states: list[Row]) -> None:
    """Every message counted was one accepted try; who is being sent to has one open try."""
    tries = world.rows(
        "select state_id, outcome, follow_up from public.ai_automation_attempts where rule_id = %s",
        rule["id"],
    )
    accepted = Counter(row["state_id"] for row in tries if row["outcome"] == "sent")
    unsure = Counter(row["state_id"] for row in tries if row["outcome"] in ("sending", "unknown"))
    for state in states:
        sending = state["current_stage"] == "sending"
        assert state["follow_up_count"] == accepted[state["id"]]
        assert unsure[state["id"]] == 1 if sending else unsure[state["id"]] <= 1
        leased = state["current_stage"] in HELD
        assert (state["lease_expires_at"] is not None) == leased
        assert state["lease_token"] is not None or not leased or sending
