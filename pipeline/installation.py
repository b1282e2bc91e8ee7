"""This file is where an installation says how it sends, on which database, and what it keeps."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipeline.settings import LOOPBACK, Settings

# What this code was written for; the database says by schema_version() what it is.
SCHEMA_VERSION = "2"


@dataclass(frozen=True, slots=True)
class Installation:
    """What may be known of it by whoever works with it."""

    send_mode: str = "sandbox"
    is_embedded: bool = False
    model: str = ""
    text_retention_hours: int = 0
    history_retention_days: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "Installation":
        """As this process was started."""
        return cls(
            settings.send_mode,
            _is_embedded(settings),
            settings.google_model,
            settings.text_retention_hours,
            settings.history_retention_days,
        )


def _is_embedded(settings: Settings) -> bool:
    """Whether Supabase is the one that `python -m local` runs beside us."""
    if urlsplit(settings.supabase_url).hostname not in LOOPBACK:
        return False
    try:
        connection: Any = json.loads((settings.stagelight_home / "connection.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(connection, dict) and connection.get("url") == settings.supabase_url
