"""This file is where planted secrets are looked for wherever a person or a log could see them."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from pipeline.rotation import rotate_keys
from pipeline.vault import SealedTextError, Vault
from tests.running import PATIENCE, ROOT, until
from tests.story.telling import KEY

TOKEN, GOOGLE_KEY, APP_SECRET = "EAAcanaryToken", "AIzaCanaryKey", "canary-app-secret"
NAME, WORDS = "Canarina Vogel", "my canary sings at dawn"
GOOGLE = ("internal", "blocked", "malformed", "malformed", "invalid-key", "rate-limit")
FACEBOOK = ("accept-then-error", "bad-gateway", "unavailable", "no-matching-user", "token-expired")


@pytest.fixture
def log(story, tmp_path):
    """What a worker process writes while everything goes wrong around planted secrets."""
    plant(story)
    told = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
        "SUPABASE_URL": story.supabase.url,
        "SUPABASE_PUBLISHABLE_KEY": story.supabase.publishable_key,
        "SUPABASE_SECRET_KEY": story.supabase.secret_key,
        "TOKEN_ENCRYPTION_KEY": KEY,
        "GOOGLE_API_KEY": GOOGLE_KEY,
        "FACEBOOK_APP_SECRET": APP_SECRET,
        "GOOGLE_BASE_URL": story.facebook.google_url,
        "FACEBOOK_GRAPH_URL": story.facebook.graph_url,
    }
    path = tmp_path / "log"
    with path.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "pipeline"], env=told, cwd=tmp_path, stderr=output, stdout=output
        )
    try:
        until(lambda: stopped(story), path.read_text)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=PATIENCE)
    return path.read_text()


def plant(story):
    """A page, contacts and conversations with words to look for, and faults to make them show."""
    story.world.rows(
        "update public.facebook_page_secrets set encrypted_token = %s where page_id = %s"
        " returning page_id",
        Vault(KEY).seal(TOKEN),
        story.page["id"],
    )
    for kind in GOOGLE:
        story.facebook.fault("google", kind, times=1)
    for kind in FACEBOOK:
        story.facebook.fault("facebook", kind, times=1)
    for number in range(20):
        contact = story.contact(sender_name=f"{NAME} {number}")
        story.world.rows(
            "insert into public.contact_messages (user_id, contact_id, direction, body)"
            " values (%s, %s, 'in', %s) returning id",
            contact["user_id"],
            contact["id"],
            f"{WORDS}, said number {number}",
        )
    story.run_now()


def stopped(story):
    return story.world.rows("select 1 from public.facebook_pages where status = 'token_invalid'")


def everything(story):
    """Every row of every table of ours, as text."""
    tables = story.world.rows(
        "select table_name as name from information_schema.tables"
        " where table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    return "\n".join(
        row["row"]
        for table in tables
        for row in story.world.rows(f"select t::text as row from public.{table['name']} as t")  # noqa: S608
    )


def test_no_planted_secret_is_in_the_log_the_tables_or_the_monitor(story, log):
    shown = str(story.call("monitor_snapshot", p_rule_id=str(story.rule["id"])))
    places = {"log": log, "tables": everything(story), "monitor": shown}

    secrets = (TOKEN, GOOGLE_KEY, APP_SECRET, story.supabase.secret_key, KEY)
    found = [(place, secret) for place in places for secret in secrets if secret in places[place]]
    assert found == []
    assert [text for text in (NAME, WORDS) if text in log] == []
    assert log.count('"trouble"') > 3


def test_tokens_are_sealed_anew_with_the_first_key(story, capsys):
    new = Fernet.generate_key().decode()
    both = Vault(f"{new},{KEY}")

    codes = [asyncio.run(rotate_keys(story.worker.settings, both)) for _ in range(2)]

    [row] = story.world.rows("select encrypted_token from public.facebook_page_secrets")
    assert codes == [0, 0]
    assert Vault(new).open(row["encrypted_token"]) == "sandbox-page-token"
    with pytest.raises(SealedTextError):
        Vault(KEY).open(row["encrypted_token"])
    assert capsys.readouterr().out.splitlines() == [
        "1 sealed anew, 0 were already, 0 cannot be opened",
        "0 sealed anew, 1 were already, 0 cannot be opened",
    ]


def test_sealing_anew_asks_for_nothing_that_only_sending_needs(story, tmp_path):
    told = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
        "SUPABASE_URL": story.supabase.url,
        "SUPABASE_SECRET_KEY": story.supabase.secret_key,
        "TOKEN_ENCRYPTION_KEY": f"{Fernet.generate_key().decode()},{KEY}",
    }
    command = [sys.executable, "-m", "pipeline", "rotate-keys"]

    done = subprocess.run(
        command, env=told, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 sealed anew, 0 were already, 0 cannot be opened\n"


def test_a_token_of_a_lost_key_is_kept_and_reported(story, capsys):
    stranger = Vault(Fernet.generate_key().decode())

    code = asyncio.run(rotate_keys(story.worker.settings, stranger))

    [row] = story.world.rows("select encrypted_token from public.facebook_page_secrets")
    assert code == 1
    assert Vault(KEY).open(row["encrypted_token"]) == "sandbox-page-token"
    assert "1 cannot be opened" in capsys.readouterr().out
