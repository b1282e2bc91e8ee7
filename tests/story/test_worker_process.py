"""This file is where a real worker process is told how much to do at once, and to stop."""

import os
import signal
import subprocess
import sys

import pytest

from tests.running import PATIENCE, ROOT, until
from tests.story.telling import KEY


@pytest.fixture
def start(story, tmp_path):
    """Starts `python -m pipeline`, which finds only what it is told here."""
    workers = []

    def started(**settings):
        command = [sys.executable, "-m", "pipeline"]
        told = {**environment(story), **settings}
        workers.append(subprocess.Popen(command, env=told, cwd=tmp_path, stderr=subprocess.DEVNULL))
        return workers[-1]

    yield started
    for worker in workers:
        worker.kill()
        worker.wait(timeout=PATIENCE)


def environment(story):
    """What a worker must know."""
    return {
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


def test_a_worker_that_gets_sigterm_writes_down_what_it_has_sent(story, start):
    process = start()
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


@pytest.mark.parametrize(
    ("setting", "service", "waiting", "in_hand"),
    [
        ("WRITING_AT_ONCE", "google", "eligible", "generating"),
        ("SENDING_AT_ONCE", "facebook", "ready_to_send", "sending"),
    ],
)
def test_a_worker_has_as_many_in_hand_at_once_as_its_setting_says(
    story, start, setting, service, waiting, in_hand
):
    story.update("facebook_pages", story.page, sends_per_minute=2400)
    contacts = [story.contact() for _ in range(5)]
    story.run_now()
    story.turn(*("check", "write")[: 1 if service == "google" else 2])
    story.facebook.fault(service, "hang", times=100)

    start(**{setting: "2"})

    # All five are due at once, so a worker with more room takes more with its first claim.
    until(lambda: stages(story, contacts) == [in_hand] * 2 + [waiting] * 3)


def stages(story, contacts):
    """Where everybody is, who is in hand first."""
    found = [story.stage_of(contact)[0] for contact in contacts]
    return sorted(found, key=lambda stage: stage not in ("generating", "sending"))
