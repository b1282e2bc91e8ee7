"""This file is where each process is told what it needs and no more."""

from pathlib import Path

from local.environment import DASHBOARD, WORKER, embedded, environment
from pipeline.settings import Settings, read_settings

SECRETS = {
    "publishable_key": "sb_publishable_x",
    "secret_key": "sb_secret_x",
    "token_encryption_key": "made",
    "session_secret": "made",
    "facebook_app_secret": "made",
    "facebook_verify_token": "made",
}
URLS = ("http://127.0.0.1:21040", "http://127.0.0.1:21060")


def test_what_the_user_has_set_stays() -> None:
    given = Settings(facebook_graph_url="http://127.0.0.1:9/v26.0", session_secret="mine")

    filled = embedded(given, SECRETS, *URLS, Path("/home"))

    assert filled.facebook_graph_url == "http://127.0.0.1:9/v26.0"
    assert filled.session_secret == "mine"
    assert filled.google_base_url == "http://127.0.0.1:21060/google"
    filled.check_send_mode()


def test_live_mode_is_not_pointed_at_the_sandbox() -> None:
    filled = embedded(Settings(send_mode="live"), SECRETS, *URLS, Path("/home"))

    assert (filled.google_base_url, filled.facebook_graph_url) == ("", "")
    assert (filled.google_api_key, filled.facebook_app_secret) == ("", "")


def test_a_process_reads_back_what_it_was_told_and_nothing_else() -> None:
    filled = embedded(Settings(), SECRETS, *URLS, Path("/home"))

    worker = read_settings(environment(filled, WORKER))
    dashboard = read_settings(environment(filled, DASHBOARD))

    assert worker.supabase_secret_key == "sb_secret_x"
    assert worker.session_secret == ""
    assert dashboard.supabase_publishable_key == "sb_publishable_x"
    # It seals tokens; without the secret key it is never handed a sealed one (decision 0028).
    assert dashboard.token_encryption_key == worker.token_encryption_key
    assert dashboard.supabase_secret_key == dashboard.google_api_key == ""
