"""This file is where the functions about pages and their reading have a line, for doors.py."""

from typing import Any

NO_LEASE = "00000000-0000-4000-8000-000000000000"
LEASE = {"p_page_id": "{page}", "p_lease_token": NO_LEASE}

FOR_OWNERS: dict[str, dict[str, Any]] = {
    "connect_page": {
        "p_facebook_page_id": "9",
        "p_name": "mine",
        "p_encrypted_token": "stolen",
    },
    "disconnect_page": {"p_page_id": "{page}"},
    "note_subscription": {"p_page_id": "{page}", "p_error": "stolen"},
    "page_cards": {"p_with_counts": True},
    "refuse_held_page": {"p_page_id": "{page}"},
    "request_sync": {"p_page_id": "{page}"},
    "set_page_paused": {"p_page_id": "{page}", "p_paused": True},
    "set_page_rate": {"p_page_id": "{page}", "p_sends_per_minute": 1},
    "try_page_now": {"p_page_id": "{page}"},
}
FOR_WORKERS: dict[str, dict[str, Any]] = {
    "advance_sync": {**LEASE, "p_step": {}, "p_lease_seconds": 9},
    "claim_syncs": {"p_worker": "thief", "p_limit": 9, "p_lease_seconds": 9},
    "has_lived": {"p_worker": "worker-1"},
    "is_untouched": {"p_error_code": "provider_away"},
    "has_one_to_try": {"p_user_id": NO_LEASE, "p_page_id": "{page}"},
    "hear_contacts": {"p_page_id": "{page}", "p_people": [{"sender_id": "1"}]},
    "note_page_subscription": {**LEASE, "p_error": "stolen"},
    "prove_page": {**LEASE, "p_encrypted_token": "stolen"},
    "stop_sync": {**LEASE, "p_outcome": {}},
    "take_sync_place": {"p_page_id": "{page}"},
}
FOR_NOBODY: dict[str, dict[str, Any]] = {
    "keep_page_token": {
        "p_page_id": "{page}",
        "p_user_id": NO_LEASE,
        "p_encrypted_token": "stolen",
    },
    "own_page": {"p_page_id": "{page}"},
    "own_connected_page": {"p_page_id": "{page}"},
}
