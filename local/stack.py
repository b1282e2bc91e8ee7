"""This file is where the stack's parts are started in order, kept alive, and stopped in order."""

import sys
import time
from dataclasses import replace
from typing import Any

from local import parts
from local.binaries import find_bin
from local.bootstrap import bootstrap, migrate
from local.children import Part
from local.environment import embedded
from local.errors import StartError
from local.files import write_private_json
from local.home import Home
from local.keeper import Keeper, wait_ready
from local.ports import Claims, first_free, is_free
from local.postgres import Postgres
from pipeline.settings import Settings

FIRST_PORT = 21030
TEND_SECONDS = 0.1


def say(text: str) -> None:
    """One line for the person at the terminal, who may have closed it."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        pass


class Stack:
    """PostgreSQL, gateway, sandbox, receiver, worker and dashboard, under this process."""

    def __init__(self, home: Home, settings: Settings, first_port: int = FIRST_PORT) -> None:
        self._home = home
        self._claims = Claims()
        _claim_dashboard_port(self._claims, settings)
        database_port = self._claims.first_free(first_port)
        gateway_port = self._claims.first_free(first_port + 10)
        sandbox_port = self._claims.first_free(first_port + 30)
        self._url = f"http://127.0.0.1:{gateway_port}"
        self._sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        self._settings = embedded(settings, home.secrets(), self._url, self._sandbox_url, home.path)
        # In earnest a server of the owner's passes Facebook's calls on, to the port it was told.
        if settings.send_mode == "sandbox":
            port = self._claims.first_free(first_port + 40)
            self._settings = replace(self._settings, receiver_port=port)
        self._settings.check_send_mode()
        self._settings.require("facebook_app_secret", "facebook_verify_token")
        self._postgres = Postgres(home.path, database_port, find_bin(settings.app_pg_bin))
        self._sandbox = parts.sandbox(home, self._settings, self._sandbox_url)
        self._receiver = parts.receiver(home, self._settings)
        self._worker = parts.worker(home, self._settings)
        self._dashboard = parts.dashboard(home, self._settings)
        self._started: list[Part] = []

    def start(self) -> None:
        """Returns when all of it can be used; raises StartError saying why it cannot."""
        say("Starting PostgreSQL, gateway, sandbox, receiver, worker and dashboard ...")
        self._postgres.prepare()
        self._launch(self._postgres)
        # Their interpreters load while PostgreSQL comes up.
        self._launch(self._sandbox)
        self._launch(self._dashboard)
        self._launch(self._receiver)
        self._postgres.wait_ready()
        bootstrap(self._postgres)
        migrate(self._postgres.dsn())
        gateway = parts.gateway(self._home, self._settings, self._postgres, self._url)
        self._launch(gateway)
        wait_ready(gateway)
        self._first_start()
        self._launch(self._worker)
        wait_ready(self._sandbox)
        wait_ready(self._dashboard)
        wait_ready(self._receiver)
        write_private_json(self._home.connection_file, self._connection())

    def keep(self) -> None:
        """Starts again what dies, until an exception (Ctrl-C) ends it."""
        keepers = [Keeper(part, say) for part in self._started]
        while True:
            for keeper in keepers:
                keeper.tend()
            time.sleep(TEND_SECONDS)

    def stop(self) -> None:
        """Worker, dashboard, sandbox, receiver, gateway, PostgreSQL: before what each writes to."""
        self._home.connection_file.unlink(missing_ok=True)
        for part in self._in_stop_order():
            part.stop()
        self._claims.release()

    def kill(self) -> None:
        """Everything at once; PostgreSQL recovers at the next start."""
        for part in self._in_stop_order():
            part.kill()
        self._claims.release()

    def _connection(self) -> dict[str, Any]:
        secrets = self._home.secrets()
        return {
            "url": self._url,
            "publishable_key": secrets["publishable_key"],
            "secret_key": secrets["secret_key"],
            "database_url": self._postgres.dsn(),
            "dashboard_url": parts.dashboard_url(self._settings),
            "sandbox_url": self._sandbox_url,
            "receiver_url": parts.receiver_url(self._settings),
            "demo_email": secrets["demo_email"],
            "demo_password": secrets["demo_password"],
            "metrics_token": self._settings.metrics_token,
        }

    def _launch(self, part: Part) -> None:
        self._started.append(part)
        part.launch()

    def _first_start(self) -> None:
        if self._home.seeded:
            return
        say("Making the demo account and its contacts ...")
        # Imported here because supabase-py takes longer to load than all later starts need.
        from local.first_start import first_start

        first_start(self._home, self._settings, self._sandbox_url)

    def _in_stop_order(self) -> list[Part]:
        order = ("worker", "dashboard", "sandbox", "receiver", "gateway", "PostgreSQL")
        return sorted(self._started, key=lambda part: order.index(part.name))


def _claim_dashboard_port(claims: Claims, settings: Settings) -> None:
    port, host = settings.dashboard_port, settings.dashboard_host
    if not is_free(port, host) or not claims.claim(port):
        other = first_free(8051, [port])
        raise StartError(
            f"Port {port} is used by another program, so the dashboard cannot listen there. End "
            f"that program, or choose another port: DASHBOARD_PORT={other} make run"
        )
