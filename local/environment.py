"""This file is where it is decided what each process is told through its environment."""

import hashlib
import os
from dataclasses import fields, replace
from pathlib import Path

from pipeline.settings import ALIASES, Settings

NAMES = frozenset(setting.name for setting in fields(Settings))

# The dashboard never gets the secret key: what it may do is what the signed-in user may do.
DASHBOARD = frozenset(
    {
        "supabase_url",
        "supabase_publishable_key",
        "session_secret",
        "dashboard_host",
        "dashboard_port",
        "send_mode",
        "stagelight_home",
        # To check a page's token with Facebook, and to seal it (docs/decisions/0028).
        "token_encryption_key",
        "facebook_app_secret",
        "facebook_graph_url",
        "metrics_token",
    }
)
RECEIVER = frozenset(
    {
        "supabase_url",
        "supabase_publishable_key",
        "supabase_secret_key",
        "facebook_app_secret",
        "facebook_verify_token",
        "receiver_host",
        "receiver_port",
        "receiver_url",
        "stagelight_home",
    }
)
WORKER = NAMES - {"session_secret", "facebook_verify_token", "app_pg_bin"}
SANDBOX = frozenset({"facebook_app_secret"})
NOTHING: frozenset[str] = frozenset()


def embedded(
    settings: Settings, secrets: dict[str, str], url: str, sandbox_url: str, home: Path
) -> Settings:
    """`settings` with what the embedded stack provides; what the user has set stays.

    In live mode nothing stands in for Google or Facebook, so nothing is filled in for them.
    """
    ours = {name: secrets[name] for name in ("token_encryption_key", "session_secret")}
    sealed = b"stagelight metrics " + secrets["session_secret"].encode()
    ours["metrics_token"] = hashlib.sha256(sealed).hexdigest()
    if settings.send_mode == "sandbox":
        ours |= {
            "google_api_key": "sandbox",
            "google_base_url": f"{sandbox_url}/google",
            "facebook_graph_url": f"{sandbox_url}/graph/v26.0",
            "facebook_app_secret": secrets["facebook_app_secret"],
            "facebook_verify_token": secrets["facebook_verify_token"],
        }
    return replace(
        settings,
        supabase_url=url,
        supabase_publishable_key=secrets["publishable_key"],
        supabase_secret_key=secrets["secret_key"],
        stagelight_home=home,
        **{name: getattr(settings, name) or value for name, value in ours.items()},  # type: ignore[arg-type]
    )


def environment(settings: Settings, told: frozenset[str]) -> dict[str, str]:
    """Our environment with the settings in `told`; the others are blank, also against `.env`."""
    blank = dict.fromkeys((name.upper() for name in NAMES), "") | dict.fromkeys(
        ALIASES.values(), ""
    )
    values = {name.upper(): str(getattr(settings, name)) for name in told}
    return {**os.environ, **blank, **values, **_without_proxy(), "PYTHONUNBUFFERED": "1"}


def _without_proxy() -> dict[str, str]:
    # httpx would send requests to 127.0.0.1 to a proxy named in the environment.
    names = os.environ.get("NO_PROXY", os.environ.get("no_proxy", ""))
    local = ",".join(filter(None, [names, "127.0.0.1", "localhost"]))
    return {"NO_PROXY": local, "no_proxy": local}
