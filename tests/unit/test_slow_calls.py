"""This file is where a call that counts everybody takes long, or does not answer in time."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import httpx
import pytest

from pipeline.clients import user_client, wait_longer
from pipeline.feed import Feed, FeedError
from pipeline.settings import Settings
from tests.ports import free_port


@pytest.mark.parametrize(
    ("function", "seconds"),
    [
        *(("request_run", 125), ("run_preview", 125), ("preview_contact_bulk", 125)),
        *(("monitor_snapshot", 8), ("delete_rule", 8)),
    ],
)
def test_only_what_counts_everybody_is_waited_for_longer_than_eight_seconds(function, seconds):
    async def asked():
        async with httpx.AsyncClient(timeout=httpx.Timeout(8, pool=4)) as http:
            request = http.build_request("POST", f"http://127.0.0.1:1/rest/v1/rpc/{function}")
            await wait_longer(request)
            return request.extensions["timeout"]

    assert asyncio.run(asked()) == {"connect": 8, "read": seconds, "write": 8, "pool": 4}


@contextmanager
def nobody_answers():
    """A server that takes a question and hangs up; its port."""

    def hang_up():
        talk, _ = listening.accept()
        with talk:
            talk.recv(65536)

    with socket.create_server(("127.0.0.1", free_port())) as listening:
        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def refusal(port):
    async def run():
        async with httpx.AsyncClient(event_hooks={"request": [wait_longer]}) as http:
            settings = Settings(
                supabase_url=f"http://127.0.0.1:{port}", supabase_publishable_key="sb_publishable_x"
            )
            await Feed(user_client(settings, http, "")).request_run("one")

    with pytest.raises(FeedError) as refused:
        asyncio.run(run())
    return refused.value


def test_a_run_that_was_asked_for_and_not_answered_may_have_been_started():
    with nobody_answers() as port:
        told = refusal(port)

    assert told.hint.startswith("The run may have been started; look at the monitor")


def test_a_run_that_nobody_was_asked_for_has_not_been_started():
    assert "may have been started" not in refusal(free_port()).hint
