"""This file is where it is seen that two systems have recorded the same of the same contacts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench._cluster import as_superuser
from local.postgres import Postgres


@dataclass(frozen=True)
class Record:
    """What is kept in one place; of `varies` (clocks, random ids) only whether there is any."""

    what: str
    query: str
    varies: frozenset[str] = frozenset()


def _rows_of(table: str, varies: str) -> Record:
    return Record(table, f"select to_jsonb(t) from public.{table} as t", frozenset(varies.split()))  # noqa: S608 - our own names


RECORDS = (
    _rows_of(
        "ai_automation_contact_states",
        "stage_entered_at slot due_at attempt_id attempt_started_at last_sent_at updated_at",
    ),
    _rows_of("ai_automation_stage_events", "id occurred_at seconds_in_stage"),
    _rows_of("ai_automation_attempts", "id facebook_message_id started_at finished_at"),
    _rows_of("ai_automation_follow_ups", "attempt_id"),
    _rows_of("contact_messages", "id facebook_message_id said_at created_at"),
    _rows_of("contacts", "last_outbound_at"),
    _rows_of("ai_automation_runs", "finished_at"),
    _rows_of("ai_automation_daily_usage", "day"),
    Record(
        "ai_automation_stage_counts, over hours and shards",
        "select jsonb_build_object('rule', k.rule_id, 'stage', k.stage, 'reason', k.reason,"
        " 'contacts', sum(k.contacts)) from public.ai_automation_stage_counts as k"
        " group by k.rule_id, k.stage, k.reason having sum(k.contacts) <> 0",
    ),
    Record(
        "ai_automation_stage_minutes, over minutes and shards",
        "select jsonb_build_object('rule', m.rule_id, 'stage', m.stage, 'entered', sum(m.entered),"
        " 'passed', sum(m.passed)) from public.ai_automation_stage_minutes as m"
        " group by m.rule_id, m.stage",
    ),
)
# What a message is known by at Facebook is made of its try's id, in every arm.
LOOSE_MESSAGES = """
select count(*) from public.ai_automation_contact_states as s
left join public.ai_automation_attempts as a
    on a.id = s.attempt_id and a.started_at = s.attempt_started_at
left join public.ai_automation_follow_ups as f on f.state_id = s.id and f.attempt_id = a.id
left join public.contact_messages as m
    on m.contact_id = s.contact_id and m.facebook_message_id = a.facebook_message_id
where a.facebook_message_id is distinct from 'm_' || a.id or f.attempt_id is null or m.id is null
"""

Recorded = dict[str, list[str]]


def recorded(postgres: Postgres, database: str) -> Recorded:
    """Every row of every place, those that vary made alike; RuntimeError for a loose message."""
    with as_superuser(postgres, database) as admin:
        loose: Any = admin.execute(LOOSE_MESSAGES.encode()).fetchone()
        if loose[0]:
            raise RuntimeError(f"{database}: {loose[0]} tries do not belong to their message.")
        return {
            record.what: sorted(
                _alike(row, record.varies) for (row,) in admin.execute(record.query.encode())
            )
            for record in RECORDS
        }


def _alike(row: dict[str, Any], varies: frozenset[str]) -> str:
    kept = {name: value is not None if name in varies else value for name, value in row.items()}
    return json.dumps(kept, sort_keys=True)


def differences(ours: Recorded, theirs: Recorded) -> list[str]:
    """Where the two differ, in words; empty when every row is the same."""
    return [
        f"{what}: {len(rows)} rows, {len(theirs[what])} there;"
        f" {len(set(rows) ^ set(theirs[what]))} of them differ"
        for what, rows in ours.items()
        if rows != theirs[what]
    ]


def told(references: Mapping[int, Recorded]) -> str:
    """How many rows were compared, place by place."""
    most = references[max(references)] if references else {}
    return "".join(f"  {len(rows):>6}  {what}\n" for what, rows in most.items())
