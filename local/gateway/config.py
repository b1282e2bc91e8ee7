"""This file is where the gateway's settings are named and read from one JSON file."""

import json
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit


class ConfigError(Exception):
    """The file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Config:
    """What one gateway serves, with which keys; the defaults are those of a hosted project."""

    url: str
    dsn: str = field(repr=False)
    auth_dsn: str = field(repr=False)
    key_file: str
    publishable_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    schemas: tuple[str, ...] = ("public",)
    extra_search_path: tuple[str, ...] = ("public", "extensions")
    anon_role: str = "anon"
    roles: tuple[str, ...] = ("anon", "authenticated", "service_role")
    max_rows: int = 1000
    body_limit: int = 8 << 20
    safeupdate: bool = True
    pool: int = 10
    pool_wait: float = 3.0
    jwt_ttl: int = 3600
    jwt_secret: str = field(default="", repr=False)
    leeway: int = 30
    reuse_interval: int = 10
    rate_limit: int = 30
    rate_limit_seconds: int = 300
    password_min: int = 6
    bcrypt_cost: int = 10
    signup: bool = True

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `url`."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 80


def read_config(path: Path) -> Config:
    """The Config in `path`; raises ConfigError naming what is missing, unknown or unreadable."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} is not a JSON object")
    known = {setting.name: setting for setting in fields(Config)}
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"{path} has settings that do not exist: {', '.join(unknown)}")
    needed = [name for name, setting in known.items() if setting.default is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise ConfigError(f"{path} lacks {', '.join(missing)}")
    listed = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Config(**{**values, **listed})
