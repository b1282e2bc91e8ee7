"""This file is where the doors of the metrics, read by a token, and of roll_up are named."""

TABLES: dict[str, tuple[str, ...]] = {"metrics_marks": (), "metrics_totals": ()}
FOR_EVERYBODY = {"metrics": {"p_token": "guessed"}}
FOR_WORKERS = {"set_metrics_key": {"p_token_hash": "stolen"}}
FOR_NOBODY = {
    "count_metrics": {},
    "roll_up_moves": {"p_from": "2026-01-01", "p_now": "2026-01-01", "p_limit": 9},
    "roll_up_replies": dict.fromkeys(
        ("p_states", "p_oldest", "p_newest", "p_messages", "p_until", "p_tries_until")
    ),
    "roll_up_tries": dict.fromkeys(("p_from", "p_until", "p_open_after", "p_limit")),
}
