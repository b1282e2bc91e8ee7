"""This file is where `python -m local` starts: run (default), worker, dashboard, reset, backup."""

import argparse
import datetime as dt
import os
import sys
from collections.abc import Callable
from pathlib import Path

from local import parts
from local.backup import backup, refuse_half, restore
from local.children import ROOT
from local.environment import DASHBOARD, RECEIVER, WORKER, embedded, environment
from local.errors import StartError
from local.home import Home
from local.signals import StopSignals, stop_with_parent
from local.stack import FIRST_PORT, Stack, say
from pipeline.settings import Settings, SettingsError, read_settings

DESCRIPTION = """\
run        start everything that is needed: with SUPABASE_URL only the dashboard, else the whole
           embedded stack; says so and ends with 0 when it already runs
worker     start one more worker, for the running stack or for SUPABASE_URL
dashboard  start one more dashboard, likewise (on DASHBOARD_PORT)
receiver   start one more receiver of Facebook's webhook, likewise (on RECEIVER_PORT)
reset      delete all local data (refused while the stack runs)
backup     write all local data to --file, also while the stack runs
restore    read them back from --file, after a reset
"""


def run(home: Home, settings: Settings, first_port: int) -> int:
    """The whole stack until Ctrl-C; with SUPABASE_URL only the dashboard."""
    if settings.supabase_url:
        return become(parts.DASHBOARD_COMMAND, settings, DASHBOARD)
    if not home.open():
        say(already_running(home))
        return 0
    refuse_half(home)
    signals = StopSignals()
    home.connection_file.unlink(missing_ok=True)
    stack = Stack(home, settings, first_port)
    signals.at_once = stack.kill
    try:
        stack.start()
        say(welcome(home))
        stack.keep()
    except KeyboardInterrupt:
        say("Stopping ...")
    finally:
        stack.stop()
    say(f"Stopped. Your data is kept in {home.path}.")
    return 0


def become(command: tuple[str, ...], settings: Settings, told: frozenset[str]) -> int:
    """Replaces this process with one of ours."""
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, *command], environment(settings, told))  # noqa: S606


def join(command: tuple[str, ...], told: frozenset[str]) -> Callable[[Home, Settings, int], int]:
    """One more worker or dashboard, beside the running stack or for SUPABASE_URL."""

    def joined(home: Home, settings: Settings, _: int) -> int:
        if not settings.supabase_url:
            settings = of_running_stack(home, settings)
        return become(command, settings, told)

    return joined


def of_running_stack(home: Home, settings: Settings) -> Settings:
    """`settings` with what the running stack provides."""
    connection = home.connection
    if not connection:
        raise StartError("Nothing is running here. Start `make run` first, or set SUPABASE_URL.")
    urls = connection["url"], connection["sandbox_url"]
    return embedded(settings, home.secrets(), *urls, home.path)


def reset(home: Home, _: Settings, __: int) -> int:
    """Empties the state directory."""
    if not home.path.exists():
        say(f"{home.path} does not exist; there is nothing to delete.")
        return 0
    if not home.looks_like_ours():
        raise StartError(f"{home.path} was not made by Stagelight; nothing was deleted.")
    if not home.open():
        raise StartError(f"{already_running(home)} Stop it first (Ctrl-C); nothing was deleted.")
    home.empty()
    say(f"{home.path} is empty. `make run` begins anew.")
    return 0


def keep(home: Home, settings: Settings, file: str) -> int:
    """Writes a backup."""
    path = Path(file or f"stagelight-{dt.datetime.now(dt.UTC):%Y-%m-%dT%H-%M-%S}.tar")
    backup(home, settings.app_pg_bin, path)
    say(f"Everything is in {path}, keys and passwords included: keep it where only you can read.")
    return 0


def bring_back(home: Home, settings: Settings, file: str) -> int:
    """Reads a backup."""
    if not file:
        raise StartError("Say which backup: make restore file=stagelight-....tar")
    taken = restore(home, settings.app_pg_bin, Path(file))
    say(
        f"{home.path} is as it was at {taken:%Y-%m-%d %H:%M} UTC, but every automation is off: "
        "messages that went out after that are not known here and would go out again, and a STOP "
        "that came after it is forgotten. `make run` goes on from there. Before you switch an "
        "automation on, exclude by a tag who was written to or said STOP since."
    )
    return 0


def already_running(home: Home) -> str:
    """One sentence saying that it runs, and where."""
    address = home.connection.get("dashboard_url")
    if not address:
        return f"Stagelight is already starting (or stopping) in {home.path}."
    return f"Stagelight is already running: {address}"


def welcome(home: Home) -> str:
    """What a person needs after the start."""
    connection = home.connection
    return (
        "\n"
        f"  Stagelight  {connection['dashboard_url']}\n"
        f"  sign in as  {connection['demo_email']}\n"
        f"  password    {connection['demo_password']}\n"
        "\n"
        f"Ctrl-C stops it. Logs: {home.logs}"
    )


COMMANDS: dict[str, Callable[[Home, Settings, int], int]] = {
    "run": run,
    "worker": join(parts.WORKER_COMMAND, WORKER),
    "dashboard": join(parts.DASHBOARD_COMMAND, DASHBOARD),
    "receiver": join(parts.RECEIVER_COMMAND, RECEIVER),
    "reset": reset,
}
WITH_FILE: dict[str, Callable[[Home, Settings, str], int]] = {"backup": keep, "restore": bring_back}


def main() -> int:
    """Exit code 1 with a message for the person, where something stands in the way."""
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", choices=[*COMMANDS, *WITH_FILE], default="run")
    parser.add_argument(
        "--first-port", type=int, default=FIRST_PORT, help="where to look for ports"
    )
    parser.add_argument("--file", default="", help="of backup and restore")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when the caller ends")
    options = parser.parse_args()
    if options.stop_with_parent:
        stop_with_parent()
    try:
        settings = read_settings()
        home = Home(Path(settings.stagelight_home))
        if options.command in WITH_FILE:
            return WITH_FILE[options.command](home, settings, options.file)
        return COMMANDS[options.command](home, settings, options.first_port)
    except (StartError, SettingsError) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    except PermissionError as error:
        sys.stderr.write(
            f"{error.filename}: {error.strerror}. Was this started as another user before? Start "
            "it as that user again, or delete the directory as that user.\n"
        )
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
