"""This file is where a real worker process is told to stop."""

import os
import signal
import subprocess
import sys

import pytest

from tests.running import PATIENCE, ROOT, until
from tests.story.telling import KEY


@pytest.fixture
def process(story, tmp_path):
    """`python -m pipeline`, which finds only what it is told here."""
    told = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
        "SUPABASE_URL": story.supabase.url,
        "SUPABASE_PUBLISHABLE_KEY": story.supabase.publishable_key,
        "SUPABASE_SECRET_KEY": story.supabase.secret_key,
        "TOKEN_ENCRYPTION_KEY": KEY,
        "GOOGLE_API_KEY": "sandbox",
        "GOOGLE_BASE_URL": story.facebook.google_url,
        "FACEBOOK_GRAPH_URL": story.facebook.graph_url,
    }
    command = [sys.executable, "-m", "pipeline"]
    worker = subprocess.Popen(command, env=told, cwd=tmp_path, stderr=subprocess.DEVNULL)
    yield worker
    worker.kill()
    worker.wait(timeout=PATIENCE)


def test_a_worker_that_gets_sigterm_writes_down_what_it_has_sent(story, process):
    contact = story.contact()
    story.facebook.fault("facebook", "slow", times=1, seconds=1)
    story.run_now()
    # Not where it stands: a busy machine may not look at it in the one second that this lasts.
    until(lambda: "sending" in story.journey(contact))

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=PATIENCE) == 0
    assert story.stage_of(contact) == ("sent", None)
    [worker] = story.world.rows("select stopped_at from public.ai_automation_workers")
    assert worker["stopped_at"] is not None
