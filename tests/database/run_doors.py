"""This file is where the functions that start runs have a line, for doors.py."""

from typing import Any

MOMENT = "2026-06-01T00:00:00Z"

FOR_OWNERS: dict[str, dict[str, Any]] = {
    "next_look": {"p_run_at": ["09:00"], "p_zone": "UTC", "p_check_at": MOMENT},
}
FOR_WORKERS: dict[str, dict[str, Any]] = {
    "enqueue_contacts": {
        "p_rule_id": "{rule}",
        "p_source": "manual",
        "p_requested_by": None,
        "p_due_only": False,
    },
    "enqueue_due_again": {"p_rule": {"run_at": []}},
    "enqueue_due_contacts": {"p_limit": 9},
    "first_moment": {"p_local": "2026-06-01T00:00:00", "p_zone": "UTC"},
    "has_due_again": {"p_rule_id": "{rule}"},
    "next_run_of": {"p_rule": {"run_at": []}, "p_after": MOMENT},
    "next_slot": {"p_run_at": ["09:00"], "p_zone": "UTC", "p_after": MOMENT},
    "queue_contacts": {"p_rule": {"run_at": []}, "p_run_id": "{rule}", "p_contact_ids": []},
    "slot_of": {"p_run_at": ["09:00"], "p_zone": "UTC", "p_moment": MOMENT},
}
