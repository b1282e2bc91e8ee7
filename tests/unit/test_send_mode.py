"""This file is where it is shown which workers may not start."""

from dataclasses import replace

import pytest

from pipeline.settings import Settings, SettingsError

LIVE = Settings(
    send_mode="live",
    google_api_key="key",
    token_encryption_key="key",
    facebook_app_secret="secret",
)


def test_live_mode_is_closed_while_no_stop_can_arrive() -> None:
    with pytest.raises(SettingsError, match="STOP or reply reaches Stagelight only through"):
        LIVE.check_send_mode()


def test_what_live_mode_lacks_is_named_first() -> None:
    with pytest.raises(SettingsError, match="GOOGLE_API_KEY"):
        replace(LIVE, google_api_key="").check_send_mode()


def test_the_sandbox_is_on_this_machine() -> None:
    elsewhere = Settings(
        facebook_graph_url="https://graph.facebook.com",
        google_base_url="http://127.0.0.1:9",
        token_encryption_key="key",
    )

    with pytest.raises(SettingsError, match="FACEBOOK_GRAPH_URL points at"):
        elsewhere.check_send_mode()
