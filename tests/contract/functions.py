"""This file is where the functions that the app calls are listed: arguments, and what is answered.

What is answered is a type, the code of a refusal, or None for nothing; "rule" and "page" stand for
the ids of Ada's.
"""

from typing import Any

NOBODY = "00000000-0000-4000-8000-000000000000"
HOUR, NEXT_HOUR = "2026-06-01T10:00:00+00:00", "2026-06-01T11:00:00+00:00"
Row = dict[str, Any]


def filled(value: Any, ids: Row) -> Any:
    """The arguments with the ids that their words stand for."""
    if isinstance(value, dict):
        return {name: filled(inner, ids) for name, inner in value.items()}
    return ids.get(value, value) if isinstance(value, str) else value


PERSON: dict[str, tuple[Row, object]] = {
    "request_run": ({"p_rule_id": "rule"}, "P0001"),
    "set_rule_enabled": ({"p_rule_id": "rule", "p_enabled": False}, dict),
    "retry_contacts": ({"p_state_ids": []}, dict),
    "cancel_contacts": ({"p_state_ids": [0]}, dict),
    "contact_timeline": ({"p_state_id": 0}, None),
    "approve_message": ({"p_state_id": 0, "p_text": None}, "PT404"),
    "reject_message": ({"p_state_id": 0, "p_reason": None}, "PT404"),
    "monitor_snapshot": (
        {"p_rule_id": "rule", "p_stage": None, "p_search": None, "p_limit": 100, "p_offset": 0},
        dict,
    ),
    "preview_bulk": (
        {"p_rule_id": "rule", "p_action": "cancel", "p_stage": None, "p_search": None},
        dict,
    ),
    "advance_bulk": ({"p_id": NOBODY, "p_limit": 100}, "PT404"),
    "stop_bulk": ({"p_id": NOBODY}, "PT404"),
    "dry_run": ({"p_rule_id": "rule"}, dict),
    "check_import": ({"p_page_id": "page", "p_contacts": [{"sender_id": "9001"}]}, dict),
    "import_contacts": ({"p_page_id": "page", "p_contacts": [{"sender_id": "9001"}]}, dict),
    "contact_details": ({"p_contact_id": NOBODY}, None),
    "contact_story": ({"p_contact_id": NOBODY, "p_before": None, "p_limit": 50}, dict),
    "change_contacts": ({"p_contact_ids": [], "p_action": "opt_out", "p_tag": None}, dict),
    "preview_contact_bulk": (
        {"p_action": "add_tag", "p_tag": "x", "p_filter": {}, "p_contact_ids": None},
        dict,
    ),
    "note_export": ({"p_what": "contacts", "p_filter": {"q": "a", "tag": "vip"}}, None),
    "list_attempts": (
        {"p_filter": {"q": "a"}, "p_before": None, "p_limit": 50, "p_look": 1000},
        dict,
    ),
    "list_contacts": (
        {"p_filter": {"q": "a"}, "p_order": "name", "p_after": None, "p_limit": 50},
        dict,
    ),
    "run_preview": ({"p_rule_id": "rule"}, dict),
    "deletion_preview": ({"p_rule_id": "rule"}, dict),
    "delete_rule": ({"p_rule_id": NOBODY}, "PT404"),
    "delete_contact": ({"p_contact_id": NOBODY}, "PT404"),
    "restore_rule": ({"p_rule_id": NOBODY}, "PT404"),
    "page_tags": ({"p_page_id": "page"}, list),
    "preview_rule": (
        {
            "p_rule": {"id": "rule"},
            "p_reason": None,
            "p_search": None,
            "p_limit": 25,
            "p_offset": 0,
        },
        dict,
    ),
    "request_preview": ({"p_contact_id": NOBODY, "p_rule": {}}, "PT404"),
    "worker_health": ({}, dict),
    "system_health": ({}, dict),
    "save_settings": ({"p_settings": {"theme": "dark"}}, dict),
    "receiver_health": ({}, dict),
    "analytics_until": ({}, dict),
    "analytics_flow": ({"p_rule_ids": None, "p_edges": [HOUR, NEXT_HOUR]}, list),
    "analytics_paces": ({"p_rule_ids": [NOBODY], "p_edges": [HOUR, NEXT_HOUR]}, list),
    "analytics_by_automation": (
        {"p_rule_ids": None, "p_from": HOUR, "p_until": NEXT_HOUR},
        list,
    ),
    "ai_quota_waits": ({}, dict),
    "page_cards": ({"p_with_counts": True}, list),
    "set_page_rate": ({"p_page_id": "page", "p_sends_per_minute": 60}, None),
    "set_page_paused": ({"p_page_id": "page", "p_paused": False}, None),
    "try_page_now": ({"p_page_id": "page"}, None),
    "request_sync": ({"p_page_id": "page"}, None),
    "note_subscription": ({"p_page_id": "page", "p_error": None}, None),
    # Not the app's: an operator's way to a new token, in docs/database.md.
    "save_page_token": ({"p_page_id": "page", "p_encrypted_token": "sealed"}, None),
    "disconnect_page": ({"p_page_id": NOBODY}, "PT404"),
    "connect_page": (
        {"p_facebook_page_id": "9", "p_name": "Corner", "p_encrypted_token": "sealed"},
        str,
    ),
}
# Who comes without signing in.
VISITOR: dict[str, tuple[Row, object]] = {
    "schema_version": ({}, str),
    "metrics": ({"p_token": "guessed"}, None),
}
WORKER: dict[str, tuple[Row, object]] = {
    "enqueue_due_contacts": ({"p_limit": 1}, dict),
    "claim_contacts": (
        {"p_stage": "queued", "p_worker": "contract", "p_limit": 1, "p_lease_seconds": 30},
        list,
    ),
    "decide_contacts": ({"p_claims": []}, list),
    "record_outcomes": ({"p_outcomes": []}, list),
    "record_page_news": ({"p_news": []}, None),
    "reclaim_expired_leases": ({}, dict),
    "complete_finished_sequences": ({}, int),
    "skip_closed_windows": ({"p_limit": 1}, int),
    "claim_previews": ({"p_worker": "contract", "p_limit": 1}, list),
    "finish_preview": ({"p_id": NOBODY, "p_worker": "contract", "p_result": {}}, bool),
    "beat": (
        {
            "p_worker": "contract",
            "p_version": "0",
            "p_doing": "",
            "p_held": [],
            "p_lease_seconds": 30,
            "p_stopping": True,
            "p_turns": {},
        },
        dict,
    ),
    "hear_messages": ({"p_page_id": NOBODY, "p_messages": []}, "PT404"),
    "claim_confirmations": ({"p_worker": "contract", "p_limit": 1}, list),
    "finish_confirmation": (
        {
            "p_id": NOBODY,
            "p_worker": "contract",
            "p_status": "sent",
            "p_error_code": None,
            "p_after_seconds": 0,
        },
        bool,
    ),
    "deletions_to_resolve": ({}, list),
    "resolve_deletion": ({"p_code": "contract", "p_people": [], "p_complete": True}, None),
    "finish_deletions": ({}, dict),
    "deletion_status": ({"p_code": "contract"}, None),
    "hold_sending": ({"p_worker": "contract", "p_why": ""}, None),
    "store_events": ({"p_events": []}, dict),
    "work_on_events": ({"p_limit": 1}, dict),
    "receiver_beat": (
        {
            "p_name": "contract",
            "p_version": "0",
            "p_spool_bytes": 0,
            "p_heard_at": None,
            "p_stopping": True,
        },
        dict,
    ),
    "claim_syncs": ({"p_worker": "contract", "p_limit": 1, "p_lease_seconds": 30}, list),
    "advance_sync": (
        {"p_page_id": NOBODY, "p_lease_token": NOBODY, "p_step": {}, "p_lease_seconds": 30},
        dict,
    ),
    "stop_sync": ({"p_page_id": NOBODY, "p_lease_token": NOBODY, "p_outcome": {}}, bool),
    "prove_page": (
        {"p_page_id": NOBODY, "p_lease_token": NOBODY, "p_encrypted_token": "sealed"},
        bool,
    ),
    "note_page_subscription": (
        {"p_page_id": NOBODY, "p_lease_token": NOBODY, "p_error": None},
        None,
    ),
    "hear_contacts": ({"p_page_id": NOBODY, "p_people": []}, int),
    "roll_up": ({"p_limit": 100}, dict),
    "set_metrics_key": ({"p_token_hash": ""}, None),
    "maintain": ({"p_text_hours": 24, "p_history_days": 30}, dict),
}
