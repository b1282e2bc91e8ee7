"""This file is where the receiver process starts and stops: `python -m api`."""

import asyncio
import logging
import os
import secrets
import sys

import httpx
import uvicorn

from api.mover import Mover
from api.receiver import create_receiver
from api.spool import Spool
from api.tally import Tally
from pipeline.clients import service_client
from pipeline.inbox import Inbox
from pipeline.logs import log_to_stderr
from pipeline.settings import Settings, SettingsError, read_settings
from pipeline.tls import trust_for

log = logging.getLogger("stagelight.receiver")

VERSION = "0.1.0"
NEEDED = ("supabase_url", "supabase_secret_key", "facebook_app_secret", "facebook_verify_token")


def main() -> int:
    """Exit code 2 with a message where a setting is missing, 1 where the disk cannot be used."""
    log_to_stderr()
    try:
        settings = read_settings()
        settings.require(*NEEDED)
        spool = Spool(settings.stagelight_home / "receiver")
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"Cannot write to {settings.stagelight_home}: {error.strerror or error}\n")
        return 1
    asyncio.run(serve(settings, spool))
    return 0


async def serve(settings: Settings, spool: Spool) -> None:
    """Receives until it is told to stop."""
    name = f"receiver-{os.getpid()}-{secrets.token_hex(4)}"
    async with httpx.AsyncClient(timeout=10, verify=trust_for(settings.supabase_url)) as http:
        inbox, tally = Inbox(service_client(settings, http), name, VERSION), Tally()
        config = uvicorn.Config(
            create_receiver(settings, spool, inbox, Mover(spool, inbox, tally), tally),
            host=settings.receiver_host,
            port=settings.receiver_port,
            server_header=False,
            access_log=False,
            log_config=None,
            ws="none",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
        )
        log.info("receiver", extra={"port": settings.receiver_port})
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    sys.exit(main())
