"""This file is where the sign-in page learns of the embedded stack's demo account."""

import json
from dataclasses import dataclass, field

from pipeline.settings import LOOPBACK, Settings


@dataclass(frozen=True, slots=True)
class Demo:
    """An account that exists to be tried out on this machine."""

    email: str
    password: str = field(repr=False)


def read_demo(settings: Settings) -> Demo | None:
    """The demo account, when we are on the embedded stack and only this machine can see us."""
    if settings.dashboard_host not in LOOPBACK:
        return None
    try:
        connection = json.loads((settings.stagelight_home / "connection.json").read_text())
        if connection["url"] != settings.supabase_url:
            return None
        return Demo(connection["demo_email"], connection["demo_password"])
    except (OSError, ValueError, KeyError):
        return None
