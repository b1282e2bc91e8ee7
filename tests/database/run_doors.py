"""This file is where the functions that start runs or share places have a line, for doors.py."""

from typing import Any

MOMENT = "2026-06-01T00:00:00Z"

FOR_OWNERS: dict[str, dict[str, Any]] = {
    "next_look": {"p_run_at": ["09:00"], "p_zone": "UTC", "p_check_at": MOMENT},
}
FOR_WORKERS: dict[str, dict[str, Any]] = {
    "due_with_other_rules": {
        "p_page_id": "{page}",
        "p_rules": ["{rule}"],
        "p_but": [],
        "p_limit": 9,
    },
    "enqueue_contacts": {
        "p_rule_id": "{rule}",
        "p_source": "manual",
        "p_requested_by": None,
        "p_due_only": False,
    },
    "enqueue_due_again": {"p_rule": {"run_at": []}},
    "enqueue_due_contacts": {"p_limit": 9},
    "first_moment": {"p_local": "2026-06-01T00:00:00", "p_zone": "UTC"},
    "hands_by_page": {"p_in_hand": {"rules": {}}},
    "hands_of_pages": {"p_in_hand": {"rules": {}}, "p_pages": ["{page}"], "p_weights": [1]},
    "has_due_again": {"p_rule_id": "{rule}"},
    "keep_to_rooms": {"p_ids": ["{ready}"], "p_rooms": {"rooms": {}}},
    "next_run_of": {"p_rule": {"run_at": []}, "p_after": MOMENT},
    "next_slot": {"p_run_at": ["09:00"], "p_zone": "UTC", "p_after": MOMENT},
    "queue_contacts": {"p_rule": {"run_at": []}, "p_run_id": "{rule}", "p_contact_ids": []},
    "rooms_apart": {"p_stage": "eligible", "p_in_hand": {"rooms": {}}},
    "rules_without_room": {"p_rooms": {"rooms": {"": 0}}, "p_pages": ["{page}"]},
    "slot_of": {"p_run_at": ["09:00"], "p_zone": "UTC", "p_moment": MOMENT},
}
