"""This file is where `python -m local.sandbox` starts."""

import argparse
import os
import sys
from pathlib import Path

from local.sandbox.network import Delay
from local.sandbox.serve import create_server, listen
from local.sandbox.server import SandboxConfig, create_sandbox

ENVIRONMENT = """\
Every flag can also be set in the environment; the flag wins:
  SANDBOX_PORT, SANDBOX_HOME, SANDBOX_AI_DELAY, SANDBOX_GRAPH_DELAY, SANDBOX_READ_DELAY,
  SANDBOX_WEBHOOK_URL
  SANDBOX_TEST_RECIPIENTS=off   the recipients below are like any other
  FACEBOOK_APP_SECRET           when set, every Graph call must carry the right appsecret_proof

Recipients that always go wrong, by the end of their id:
  551       this person is not available
  613       rate limit once, then received
  002       received, but answered with error 1
  99999190  the page's token has expired: stops the page
  9         does not tell when they read

Tokens to connect pages with: sandbox-user-token (a person with four pages), sandbox-page-<id>
(one page), sandbox-agency-token (120 pages). -ending behind one ends it in an hour;
-without-<permission> takes a permission away.

Faults on request: GET /faults lists every kind; POST /faults {"service", "kind", "times", ...}.
"""


def read_arguments(arguments: list[str], environ: dict[str, str]) -> tuple[int, SandboxConfig]:
    """Port and configuration; ends the process with a message when they cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m local.sandbox",
        description="Plays Google AI and Facebook on this machine, over their real protocols.",
        epilog=ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    get = environ.get
    parser.add_argument("--port", type=_port, default=get("SANDBOX_PORT", "21060"), metavar="N")
    parser.add_argument(
        "--home", default=get("SANDBOX_HOME", ""), help="folder in which received messages are kept"
    )
    delays = (("--ai-delay", "SANDBOX_AI_DELAY", "0.8,1.6"),
              ("--graph-delay", "SANDBOX_GRAPH_DELAY", "0.2,0.5"),
              ("--read-delay", "SANDBOX_READ_DELAY", "2,8"))  # fmt: skip
    for flag, name, default in delays:
        parser.add_argument(
            flag, type=_delay, default=get(name, default), metavar="A,B", help="seconds, from,to"
        )
    parser.add_argument(
        "--webhook-url", default=get("SANDBOX_WEBHOOK_URL", ""), help="where events are posted"
    )
    given = parser.parse_args(arguments)
    return given.port, SandboxConfig(
        home=Path(given.home) if given.home else None,
        ai_delay=given.ai_delay,
        graph_delay=given.graph_delay,
        read_delay=given.read_delay,
        app_secret=get("FACEBOOK_APP_SECRET", ""),
        webhook_url=given.webhook_url,
        further_page=True,
        test_recipients=get("SANDBOX_TEST_RECIPIENTS", "on").lower() not in ("off", "0", "false"),
    )


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number, like 21060.")
    return int(text)


def _delay(text: str) -> Delay:
    try:
        return Delay.parse(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def main() -> int:
    """Serves until it is stopped; 1 when the port or the folder cannot be used."""
    port, config = read_arguments(sys.argv[1:], dict(os.environ))
    try:
        listener = listen(port)
    except OSError:
        return _complain(f"Port {port} is taken. Choose another one with --port.")
    try:
        server = create_server(create_sandbox(config))
    except OSError as failure:
        return _complain(f"Cannot write to {config.home}: {failure.strerror}.")
    server.run(sockets=[listener])
    return 0


def _complain(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
