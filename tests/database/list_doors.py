"""This file is where the functions of the lists are named, for doors.py: who may call them."""

NOBODY = "00000000-0000-4000-8000-000000000000"
FOR_OWNERS = {
    "check_import": {"p_page_id": "{page}", "p_contacts": [{"sender_id": "1"}]},
    "change_contacts": {"p_contact_ids": ["{contact}"], "p_action": "opt_out"},
    "contact_details": {"p_contact_id": "{contact}"},
    "contact_story": {"p_contact_id": "{contact}"},
    "preview_contact_bulk": {"p_action": "opt_out", "p_contact_ids": ["{contact}"]},
    "contact_words": {
        "p_user_id": NOBODY,
        "p_name": "Zoë",
        "p_sender_id": "1",
    },
    "folded": {"p_text": "Zoë"},
    "note_export": {"p_what": "history", "p_filter": {"rule": "{rule}"}},
    "list_attempts": {"p_filter": {"rule": "{rule}"}, "p_limit": 9},
    "list_contacts": {"p_filter": {"page": "{page}"}, "p_order": "name", "p_limit": 9},
}
FOR_NOBODY = {
    "audit_of_bulk": {"p_bulk": None},
    "id_or_null": {"p_text": NOBODY},
    "who_was_meant": {"p_state_ids": ["{ready}"]},
    "judge_import": {"p_page": None, "p_contacts": []},
    "page_to_import": {"p_page_id": NOBODY, "p_contacts": []},
    "delete_contacts": {"p_contact_ids": [NOBODY]},
    "change_states": {"p_rule_id": NOBODY, "p_action": "retry", "p_contact_ids": [NOBODY]},
    "forget_bulks": {},
    "keep_bulk": {
        "p_rule_id": NOBODY,
        "p_action": "retry",
        "p_tag": None,
        "p_filter": None,
        "p_contact_ids": [NOBODY],
    },
    "own_bulk": {"p_id": NOBODY},
    "told_bulk": {"p_bulk": None},
    "checked_contact_action": {"p_action": "opt_out", "p_tag": None},
    "attempts_floor": {
        "p_user_id": NOBODY,
        "p_from": "2026-01-01",
        "p_until": "2026-01-01",
        "p_before": None,
        "p_look": 1,
    },
    "contacts_named": {
        "p_user_id": NOBODY,
        "p_search": "z",
        "p_limit": 9,
    },
    "has_words": {"p_name": "Zoë", "p_sender_id": "1", "p_patterns": ["zoe"]},
    "contacts_that_fit": {
        "p_user_id": NOBODY,
        "p_filter": {},
        "p_among": None,
        "p_order": "name",
        "p_after": None,
        "p_limit": 9,
    },
    "find_attempts": {
        "p_user_id": NOBODY,
        "p_filter": {},
        "p_before": None,
        "p_floor": "2026-01-01",
        "p_limit": 9,
    },
    "find_contacts": {
        "p_user_id": NOBODY,
        "p_filter": {},
        "p_order": "name",
        "p_after": None,
        "p_limit": 9,
    },
}
