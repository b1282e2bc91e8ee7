"""This file is where settings that cannot be used are refused by name, before anything starts."""

import pytest

from pipeline.settings import SettingsError, read_settings


@pytest.mark.parametrize("name", ["SUPABASE_URL", "FACEBOOK_GRAPH_URL", "GOOGLE_BASE_URL"])
@pytest.mark.parametrize("address", ["nonsense", "ftp://example.com", "https://"])
def test_an_address_that_is_none_is_named(name, address):
    with pytest.raises(SettingsError, match=name):
        read_settings({name: address})


@pytest.mark.parametrize("port", ["abc", "0", "80000"])
def test_a_port_that_is_none_is_named(port):
    with pytest.raises(SettingsError, match="DASHBOARD_PORT"):
        read_settings({"DASHBOARD_PORT": port})


def test_the_old_names_of_the_keys_work():
    settings = read_settings({"SUPABASE_ANON_KEY": "anon", "SUPABASE_SERVICE_ROLE_KEY": "service"})

    assert (settings.supabase_publishable_key, settings.supabase_secret_key) == ("anon", "service")


def test_the_sandbox_talks_to_this_machine_only():
    settings = read_settings(
        {
            "FACEBOOK_GRAPH_URL": "https://graph.facebook.com/v26.0",
            "GOOGLE_BASE_URL": "http://127.0.0.1:1",
            "TOKEN_ENCRYPTION_KEY": "key",
        }
    )

    with pytest.raises(SettingsError, match="FACEBOOK_GRAPH_URL"):
        settings.check_send_mode()


def test_secrets_are_not_shown():
    assert "hush" not in repr(read_settings({"SUPABASE_SECRET_KEY": "hush"}))
