"""This file is where it is seen what a query reads, inside the functions it calls too."""

import json
from collections.abc import Iterator
from typing import Any

from psycopg import sql

from bench._cluster import as_superuser, become
from local.postgres import Postgres

STATES = "ai_automation_contact_states"
EVENTS = "ai_automation_stage_events"
# auto_explain is loaded in every session of the benchmark's cluster, silent until told to speak.
SPEAK = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_verbose": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "log",
    "client_min_messages": "log",
}
PREFIX = "plan:\n"


def plans_of(
    postgres: Postgres, database: str, role: str, query: str, values: list[Any], user_id: str = ""
) -> list[dict[str, Any]]:
    """The plan of the query and of every query inside it; what it changed is undone."""
    said: list[str] = []
    with as_superuser(postgres, database) as connection:
        for name, value in SPEAK.items():
            connection.execute("select set_config(%s, %s, false)", [name, value])
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        if user_id:
            become(connection, user_id)
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        with connection.transaction(force_rollback=True):
            connection.execute(query.encode(), values)
    return [json.loads(text.split(PREFIX, 1)[1])["Plan"] for text in said if PREFIX in text]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def findings(plans: list[dict[str, Any]]) -> list[str]:
    """What is read that should not be: the history of stages, or contact states from end to end."""
    found = set()
    for node in (node for plan in plans for node in nodes(plan)):
        relation, kind = node.get("Relation Name", ""), node["Node Type"]
        reads = kind.endswith("Scan") and node.get("Actual Loops", 0) > 0
        is_history = EVENTS in relation or node.get("Schema") == "automation_history"
        if reads and is_history:
            found.add(f"{kind} of {relation}")
        if reads and relation == STATES and kind == "Seq Scan":
            found.add(f"{kind} of {relation}")
    return sorted(found)
