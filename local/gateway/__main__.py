"""This file is where `python -m local.gateway <config.json>` starts."""

import sys
from pathlib import Path

from local.gateway.config import ConfigError, read_config
from local.gateway.server import create_server


def main(arguments: list[str]) -> int | str:
    """Serves until it is stopped; what it gives back is for sys.exit."""
    if len(arguments) != 1:
        return "usage: python -m local.gateway <config.json>"
    try:
        config = read_config(Path(arguments[0]))
    except ConfigError as error:
        return str(error)
    create_server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
