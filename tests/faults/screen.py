"""This file is where what the monitor shows is compared with a plain count of the tables."""

from collections import Counter
from typing import Any

from pipeline.stages import IN_FLIGHT
from tests.builders import Row
from tests.faults.town import Town

# One statement, so that all of it is of one moment.
SHOWN = """
select
    r.name, public.monitor_snapshot(r.id) as snapshot,
    (
        select to_jsonb(l) from public.automation_live_stats as l where l.rule_id = r.id
    ) as live,
    (
        select jsonb_agg(jsonb_build_array(
            s.id, s.current_stage,
            coalesce(
                case s.current_stage when 'failed' then s.error_code else s.reason_code end, ''
            )
        ))
        from public.ai_automation_contact_states as s
        where
            s.rule_id = r.id
            and (s.current_stage <= 'sending' or s.stage_entered_at >= public.monitor_since())
    ) as there
from public.ai_automation_rules as r
where r.id = any(%s)
"""


def differences(town: Town, rules: list[Row]) -> list[str]:
    """What a reader of these automations' monitors would be told wrongly."""
    found = []
    for row in town.rows(SHOWN, [rule["id"] for rule in rules]):
        if row["snapshot"] is None or row["live"] is None:
            found.append(f"{row['name']} is not shown at all")
            continue
        told, true = as_told(row["snapshot"], row["live"]), as_counted(row["there"] or [])
        found += [
            f"{row['name']} shows {name} {told[name]}, but there are {true[name]}"
            for name in true
            if told[name] != true[name]
        ]
        stages = {number: stage for number, stage, _ in row["there"] or []}
        found += [
            f"{row['name']} lists {card['state_id']} as {card['stage']}"
            for card in row["snapshot"]["contacts"]
            if stages.get(card["state_id"]) != card["stage"]
        ]
    return found


def as_told(snapshot: Row, live: Row) -> dict[str, Any]:
    """The numbers of the stage cards, of the lists by cause and of the overview's card."""
    cards = {row["stage"]: int(row["contacts"]) for row in snapshot["stages"]}
    return {
        "stages": _without_zeros(cards),
        "causes": _without_zeros(
            {row["error_code"] or "": row["contacts"] for row in snapshot["failures"]}
        ),
        "held back": _without_zeros(
            {row["reason_code"] or "": row["contacts"] for row in snapshot["held_back"]}
        ),
        "totals": (snapshot["totals"]["in_flight"], snapshot["totals"]["total"]),
        "cards": len(snapshot["contacts"]),
        "overview": _without_zeros({name: live[name] for name in cards}),
    }


def as_counted(there: list[list[Any]]) -> dict[str, Any]:
    """The same, one contact after the other."""
    stages = Counter(stage for _, stage, _ in there)
    return {
        "stages": stages,
        "causes": Counter(why for _, stage, why in there if stage == "failed"),
        "held back": Counter(why for _, stage, why in there if stage in ("skipped", "completed")),
        "totals": (sum(stages[name] for name in IN_FLIGHT), len(there)),
        "cards": min(len(there), 100),
        "overview": stages,
    }


def _without_zeros(numbers: dict[str, Any]) -> dict[str, int]:
    return {name: int(number) for name, number in numbers.items() if number}
