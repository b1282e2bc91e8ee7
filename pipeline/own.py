"""This file is where a person's own things are read: settings, actions, the machine's health."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipeline.answers import Asking, Row, answer
from pipeline.looking import Fits, begins, ends
from pipeline.settings import LOOPBACK, Settings

# What this code was written for; the database says by schema_version() what it is.
SCHEMA_VERSION = "2"
# What a person has not chosen is null: the browser's zone, the defaults of a new automation.
NOTHING_CHOSEN: Row = {
    "time_zone": None,
    "theme": "system",
    **dict.fromkeys(("wait_minutes", "max_follow_ups", "daily_limit")),
    **dict.fromkeys(("run_24_7", "active_from", "active_until")),
}
THEMES = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Machine:
    """What may be known of the installation by whoever works with it."""

    send_mode: str = "sandbox"
    is_embedded: bool = False
    model: str = ""
    text_retention_hours: int = 0
    history_retention_days: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Machine":
        """As this process was started."""
        return cls(
            settings.send_mode,
            _is_embedded(settings),
            settings.google_model,
            settings.text_retention_hours,
            settings.history_retention_days,
        )


class Own(Asking):
    """What is one person's and nobody else's. Every method may raise FeedError."""

    # Asked each time: the embedded stack writes down what it is only after it has started us.
    machine: Callable[[], Machine] = Machine

    async def settings(self) -> Row:
        """Everything that can be set; what was not is as in NOTHING_CHOSEN."""
        rows = await self._read("user_settings", ",".join(NOTHING_CHOSEN))
        return {**NOTHING_CHOSEN, **(rows[0] if rows else {})}

    async def save_settings(self, changed: Row) -> Row:
        """Changes what is named, and returns all."""
        return dict(await self._call("save_settings", p_settings=changed))

    async def list_actions(
        self, fits: Fits, codes: list[str], before: tuple[str, int] | None, limit: int
    ) -> list[Row]:
        """What this person did, newest first; `codes` are the actions of the kind in `fits`."""
        query = self._client.table("ai_automation_audit").select(
            "id,action,affected,occurred_at,detail,rule_id,page_id"
        )
        if codes:
            query = query.in_("action", codes)
        if "rule" in fits:
            query = query.eq("rule_id", fits["rule"])
        if "from" in fits:
            query = query.gte("occurred_at", begins(fits).isoformat())
        if "until" in fits:
            query = query.lt("occurred_at", ends(fits).isoformat())
        if before:
            at, number = before
            query = query.or_(
                f'occurred_at.lt."{at}",and(occurred_at.eq."{at}",id.lt.{int(number)})'
            )
        query = query.order("occurred_at", desc=True).order("id", desc=True).limit(limit)
        return list((await answer(query)).data)

    async def system_health(self) -> Row:
        """Workers and receivers, and what they have of yours in hand."""
        return dict(await self._call("system_health"))

    async def metrics(self, token: str) -> Row | None:
        """Sums over everybody; None for a token that no worker has named."""
        found = await self._call("metrics", p_token=token)
        return dict(found) if found else None

    async def queues(self) -> list[Row]:
        """How many contacts stand in which stage of which automation, and since when."""
        columns = "rule_id,stage,contacts,oldest_seconds"
        query = self._client.table("automation_stage_summary").select(columns).gt("contacts", 0)
        return list((await answer(query)).data)


def chosen_defaults(settings: Row) -> Row:
    """With what a new automation begins, as far as the person has chosen it."""
    names = ("wait_minutes", "max_follow_ups", "daily_limit", "run_24_7")
    hours = ("active_from", "active_until")
    found = {name: settings[name] for name in names if settings[name] is not None}
    if all(settings[name] for name in hours):
        found |= {name: settings[name] for name in hours}
    return found


def _is_embedded(settings: Settings) -> bool:
    """Whether Supabase is the one that `python -m local` runs beside us."""
    if urlsplit(settings.supabase_url).hostname not in LOOPBACK:
        return False
    try:
        connection: Any = json.loads((settings.stagelight_home / "connection.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(connection, dict) and connection.get("url") == settings.supabase_url
