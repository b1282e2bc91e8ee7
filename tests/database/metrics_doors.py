"""This file is where the doors of the metrics are named: read by a token, not by a person."""

TABLES: dict[str, tuple[str, ...]] = {"metrics_marks": (), "metrics_totals": ()}
FOR_EVERYBODY = {"metrics": {"p_token": "guessed"}}
FOR_WORKERS = {"set_metrics_key": {"p_token_hash": "stolen"}}
FOR_NOBODY = {"count_metrics": {}}
