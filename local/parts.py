"""This file is where the stack's Python children are described: command, environment, health."""

from dataclasses import dataclass

from local.children import Child
from local.environment import DASHBOARD, NOTHING, RECEIVER, SANDBOX, WORKER, environment
from local.files import write_private_json
from local.home import Home
from local.postgres import Postgres
from pipeline.settings import Settings

DASHBOARD_COMMAND = ("app.py", "--only-dashboard")
WORKER_COMMAND = ("-m", "pipeline")
RECEIVER_COMMAND = ("-m", "api")
WORKER_STOP_SECONDS = 12.0  # it may finish or release what it holds for 10 s
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts listen."""

    gateway: str
    sandbox: str
    dashboard: str


def dashboard_url(settings: Settings) -> str:
    """The address to type into a browser on this machine."""
    return _address(settings.dashboard_host, settings.dashboard_port)


def _address(host: str, port: int) -> str:
    shown = ANYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def gateway(home: Home, settings: Settings, postgres: Postgres, url: str) -> Child:
    """Speaks Supabase's protocols in front of PostgreSQL."""
    write_private_json(
        home.gateway_file,
        {
            "url": url,
            "dsn": postgres.dsn("authenticator"),
            "auth_dsn": postgres.dsn("supabase_auth_admin"),
            "key_file": str(home.token_key_file),
            "publishable_key": settings.supabase_publishable_key,
            "secret_key": settings.supabase_secret_key,
        },
    )
    return Child(
        name="gateway",
        arguments=("-m", "local.gateway", str(home.gateway_file)),
        environment=environment(settings, NOTHING),
        log=home.logs / "gateway.log",
        health=f"{url}/health",
    )


def sandbox(home: Home, settings: Settings, url: str) -> Child:
    """Plays Google AI and Facebook; what happens there is posted to the receiver."""
    port, kept = url.rsplit(":", 1)[1], str(home.path / "sandbox")
    webhook = f"{receiver_url(settings)}/webhooks/facebook"
    return Child(
        name="sandbox",
        arguments=(
            *("-m", "local.sandbox", "--port", port, "--home", kept),
            *("--webhook-url", webhook),
        ),
        environment=environment(settings, SANDBOX),
        log=home.logs / "sandbox.log",
        health=f"{url}/health",
    )


def receiver_url(settings: Settings) -> str:
    """Where Facebook's calls arrive, as this machine sees it."""
    return _address(settings.receiver_host, settings.receiver_port)


def receiver(home: Home, settings: Settings) -> Child:
    """Takes in what Facebook tells."""
    return Child(
        name="receiver",
        arguments=RECEIVER_COMMAND,
        environment=environment(settings, RECEIVER),
        log=home.logs / "receiver.log",
        health=f"{receiver_url(settings)}/healthz",
    )


def worker(home: Home, settings: Settings) -> Child:
    """Moves contacts from stage to stage."""
    return Child(
        name="worker",
        arguments=WORKER_COMMAND,
        environment=environment(settings, WORKER),
        log=home.logs / "worker.log",
        stop_seconds=WORKER_STOP_SECONDS,
    )


def dashboard(home: Home, settings: Settings) -> Child:
    """What people look at."""
    return Child(
        name="dashboard",
        arguments=DASHBOARD_COMMAND,
        environment=environment(settings, DASHBOARD),
        log=home.logs / "dashboard.log",
        health=f"{dashboard_url(settings)}/readyz",
    )
