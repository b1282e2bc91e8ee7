"""This file is where every object of the migration has a line that says who may do what with it."""

ALL_VERBS = ("select", "insert", "update", "delete")

# Table or view -> what its owner may do with it through the API. Strangers see none of its rows.
TABLES = {
    "active_automation_contacts": ("select",),
    "ai_automation_attempts": ("select",),
    "ai_automation_audit": ("select",),
    "ai_automation_bulk_actions": ("select",),
    "ai_automation_contact_states": ("select",),
    "ai_automation_daily_usage": ("select",),
    "ai_automation_follow_ups": ("select",),
    "ai_automation_rules": ("select", "insert", "update", "delete"),
    "ai_automation_runs": ("select",),
    "ai_automation_stage_counts": ("select",),
    "ai_automation_stage_events": ("select",),
    "ai_automation_stage_minutes": ("select",),
    "ai_automation_stage_moves": ("select",),
    "ai_automation_stage_periods": ("select",),
    "ai_automation_workers": (),
    "automation_candidates": ("select",),
    "automation_live_stats": ("select",),
    "automation_stage_summary": ("select",),
    "contact_messages": ("select",),
    "contacts": ("select", "update"),
    "facebook_page_secrets": (),
    "facebook_pages": ("select", "insert", "update"),
}
# The same for everybody who signed in; says nothing about anybody.
SHARED_TABLES = {"ai_automation_stage_moves"}

RULE_SETTINGS = {
    *("name", "include_tags", "include_mode", "exclude_tags", "wait_minutes", "max_follow_ups"),
    *("daily_limit", "active_days", "active_from", "active_until", "time_zone", "run_24_7"),
    *("prompt", "language", "model", "review_before_send", "stop_on_reply", "run_every_minutes"),
}
# (table, verb) -> the columns an owner may give a value.
COLUMNS = {
    ("ai_automation_rules", "insert"): RULE_SETTINGS | {"page_id"},
    ("ai_automation_rules", "update"): RULE_SETTINGS,
    ("facebook_pages", "insert"): {"facebook_page_id", "name", "sends_per_minute"},
    ("facebook_pages", "update"): {"name", "sends_per_minute"},
    ("contacts", "update"): {"sender_name", "tags", "time_zone"},
}

# Function -> arguments that name somebody else's things ({rule}, {page}, {state} are filled in).
FOR_EVERYBODY = {"schema_version": {}}
FOR_OWNERS = {
    "active_hours": {
        "p_days": [1],
        "p_from": "09:00",
        "p_until": "10:00",
        "p_zone": "UTC",
        "p_now": "2026-06-01T00:00:00Z",
    },
    "advance_bulk": {"p_id": "{bulk}"},
    "approve_message": {"p_state_id": "{ready}", "p_text": "stolen"},
    "bulk_contacts": {
        "p_rule_id": "{rule}",
        "p_action": "retry",
        "p_stage": None,
        "p_search": None,
        "p_reason": None,
    },
    "bulk_helps": {
        "p_action": "retry",
        "p_stage": "failed",
        "p_reason": None,
        "p_error": None,
        "p_page_status": "active",
    },
    "bucket_seconds": {"p_bucket": 3},
    "cancel_contacts": {"p_state_ids": ["{ready}", "{queued}"]},
    "check_tags": {"p_tags": ["VIP"]},
    "contact_eligibility": {"p_rule_id": "{rule}"},
    "contact_timeline": {"p_state_id": "{failed}"},
    "dry_run": {"p_rule_id": "{rule}"},
    "import_contacts": {"p_page_id": "{page}", "p_contacts": [{"sender_id": "1"}]},
    "is_in_flight": {"p_stage": "queued"},
    "judge_contacts": {
        "p_rule_ids": ["{rule}"],
        "p_contact_ids": None,
        "p_now": "2026-06-01T00:00:00Z",
    },
    "monitor_contacts": {
        "p_rule_id": "{rule}",
        "p_stage": None,
        "p_search": None,
        "p_limit": 100,
        "p_offset": 0,
    },
    "monitor_reasons": {"p_rule_id": "{rule}", "p_stages": ["queued", "failed"]},
    "monitor_since": {},
    "monitor_snapshot": {"p_rule_id": "{rule}"},
    "normalize_tags": {"p_tags": ["VIP"]},
    "preview_bulk": {"p_rule_id": "{rule}", "p_action": "retry"},
    "reason_text": {"p_reason": "ok"},
    "reject_message": {"p_state_id": "{ready}", "p_reason": "stolen"},
    "request_run": {"p_rule_id": "{rule}"},
    "retry_contacts": {"p_state_ids": ["{failed}"]},
    "retry_helps": {
        "p_stage": "failed",
        "p_reason": None,
        "p_error": None,
        "p_page_status": "active",
    },
    "save_page_token": {"p_page_id": "{page}", "p_encrypted_token": "stolen"},
    "set_rule_enabled": {"p_rule_id": "{rule}", "p_enabled": False},
    "stop_bulk": {"p_id": "{bulk}"},
    "worker_health": {},
}
FOR_WORKERS = {
    "beat": {
        "p_worker": "thief",
        "p_version": "",
        "p_doing": "",
        "p_held": [],
        "p_lease_seconds": 9,
    },
    "claim_contacts": {
        "p_stage": "queued",
        "p_worker": "thief",
        "p_limit": 9,
        "p_lease_seconds": 9,
    },
    "complete_finished_sequences": {"p_limit": 9},
    "decide_contacts": {"p_claims": []},
    "enqueue_contacts": {
        "p_rule_id": "{rule}",
        "p_source": "manual",
        "p_requested_by": None,
        "p_due_only": False,
    },
    "enqueue_due_contacts": {"p_limit": 9},
    "lock_daily_usage": {"p_state_ids": ["{ready}"]},
    "maintain": {},
    "own_shard": {},
    "pick_contacts": {"p_stage": "queued", "p_limit": 9},
    "pick_fairly": {"p_stage": "queued", "p_limit": 9},
    "pick_ready_to_send": {"p_limit": 9},
    "recheck_before_send": {"p_state_ids": ["{ready}"]},
    "recheck_reviews": {"p_limit": 9},
    "reclaim_expired_leases": {},
    "record_outcomes": {"p_outcomes": []},
    "recount_stages": {},
    "skip_ineligible": {"p_state_ids": ["{ready}"]},
}
# Called by triggers or by other functions only.
FOR_NOBODY = {
    "drop_history_days": {"p_before": "2026-01-01"},
    "end_sequences_on_reply": {},
    "forget_deleted_contacts": {},
    "keep_follow_ups": {},
    "make_history_days": {"p_from": "2026-01-01", "p_until": "2026-01-01"},
    "moment_or_null": {"p_text": "now"},
    "record_first_stage": {},
    "record_stage_moves": {},
    "remove_old_texts": {"p_text_hours": 24, "p_limit": 9},
    "stamp_contact": {},
    "stamp_contact_state": {},
    "stamp_new_contact_state": {},
    "stamp_rule": {},
    "sum_up_minutes": {"p_limit": 9},
    "tally_arrivals": {},
    "tally_daily_usage": {},
    "tally_departures": {},
    "tally_moves": {},
    "tally_runs": {},
}
FUNCTIONS = {**FOR_EVERYBODY, **FOR_OWNERS, **FOR_WORKERS, **FOR_NOBODY}
