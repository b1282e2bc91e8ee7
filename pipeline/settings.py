"""This file is the only reader of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from pipeline.looks import LOOK_FOR_SECONDS
from pipeline.prices import parse_prices

GRAPH_URL = "https://graph.facebook.com/v26.0"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """A setting is missing or wrong; the text names the variable and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the processes need to know; `repr` shows no secret, `.env.example` names every field."""

    supabase_url: str = ""
    supabase_publishable_key: str = ""
    supabase_secret_key: str = field(default="", repr=False)
    google_api_key: str = field(default="", repr=False)
    google_model: str = "gemini-3.5-flash-lite"
    google_base_url: str = ""
    google_prices: str = ""
    facebook_graph_url: str = ""
    facebook_app_secret: str = field(default="", repr=False)
    facebook_verify_token: str = field(default="", repr=False)
    token_encryption_key: str = field(default="", repr=False)
    session_secret: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)
    text_retention_hours: int = 24
    history_retention_days: int = 30
    send_mode: str = "sandbox"
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int = 8050
    receiver_host: str = "127.0.0.1"
    receiver_port: int = 8060
    receiver_url: str = ""
    lease_seconds: int = 30
    look_for_seconds: int = LOOK_FOR_SECONDS
    writing_at_once: int = 6
    sending_at_once: int = 6
    app_pg_bin: str = ""
    stagelight_home: Path = Path(".local")

    def require(self, *names: str) -> None:
        """Raises SettingsError naming every variable of `names` that is empty."""
        missing = [name.upper() for name in names if not getattr(self, name)]
        if missing:
            raise SettingsError(
                f"Missing setting: {', '.join(missing)}. "
                "Copy the line from .env.example into .env and fill it in."
            )

    @property
    def graph_url(self) -> str:
        """The Graph API's base address; the real one only in live mode."""
        return self.facebook_graph_url or GRAPH_URL

    def check_send_mode(self) -> None:
        """Refuses a worker that could reach customers by accident.

        Live needs its secrets, and a receiver that is heard of (pipeline/send_gate.py); the
        sandbox must be on this machine.
        """
        if self.send_mode == "live":
            self.require("google_api_key", "token_encryption_key", "facebook_app_secret")
            return
        self.require("facebook_graph_url", "google_base_url", "token_encryption_key")
        for name in ("facebook_graph_url", "google_base_url"):
            host = urlsplit(getattr(self, name)).hostname
            if host not in LOOPBACK:
                raise SettingsError(
                    f"{name.upper()} points at {host}, but SEND_MODE=sandbox only talks to this "
                    "machine. Point it at the sandbox."
                )


ALIASES = {
    "supabase_publishable_key": "SUPABASE_ANON_KEY",
    "supabase_secret_key": "SUPABASE_SERVICE_ROLE_KEY",
}


# Setting -> the most it may be, and what it looks like.
WHOLE_NUMBERS = {
    "dashboard_port": (65535, "a port number, like 8050"),
    "receiver_port": (65535, "a port number, like 8060"),
    "text_retention_hours": (8760, "a number of hours, like 24"),
    "history_retention_days": (3650, "a number of days, like 30"),
    "lease_seconds": (600, "a number of seconds, like 30"),
    "look_for_seconds": (3600, "a number of seconds up to 3600, like 60"),
    # The HTTP clients hold a hundred connections each; who has none waits with its lease running.
    "writing_at_once": (100, "a number of contacts up to 100, like 6"),
    "sending_at_once": (100, "a number of contacts up to 100, like 6"),
}


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ`, or from `.env` under the process environment.

    Raises SettingsError for a value that cannot be used.
    """
    source = environ if environ is not None else {**_dotenv(), **os.environ}
    values: dict[str, object] = {}
    for setting in fields(Settings):
        text = source.get(setting.name.upper()) or source.get(ALIASES.get(setting.name, ""), "")
        if text:
            values[setting.name] = _convert(setting.name, text.strip())
    settings = Settings(**values)  # type: ignore[arg-type]
    for name in ("supabase_url", "facebook_graph_url", "google_base_url", "receiver_url"):
        _check_address(name, getattr(settings, name))
    try:
        parse_prices(settings.google_prices)
    except ValueError as error:
        raise SettingsError(
            f"GOOGLE_PRICES has {str(error)!r}; it must be model=in/out, in dollars for a million "
            "tokens, like gemini-3.5-flash-lite=0.30/2.50."
        ) from None
    if settings.send_mode not in ("sandbox", "live"):
        raise SettingsError(f"SEND_MODE is {settings.send_mode!r}; it must be sandbox or live.")
    return settings


def _check_address(name: str, address: str) -> None:
    parts = urlsplit(address)
    if address and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise SettingsError(
            f"{name.upper()} is {address!r}; it must be an address like https://example.com."
        )


def _dotenv() -> dict[str, str]:
    return {name: value for name, value in dotenv_values(".env").items() if value}


def _convert(name: str, text: str) -> object:
    if name in WHOLE_NUMBERS:
        most, example = WHOLE_NUMBERS[name]
        if not text.isdigit() or not 0 < int(text) <= most:
            raise SettingsError(f"{name.upper()} is {text!r}; it must be {example}.")
        return int(text)
    return Path(text) if name == "stagelight_home" else text
