"""This file is where page tokens are shown to be sealed, rotated, and refused when damaged."""

import pytest
from cryptography.fernet import Fernet

from pipeline.settings import SettingsError
from pipeline.vault import SealedTextError, Vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_sealed_text_opens_and_does_not_show_itself() -> None:
    sealed = Vault(NEW).seal("EAAsecret")

    assert Vault(NEW).open(sealed) == "EAAsecret"
    assert "EAAsecret" not in sealed


def test_a_new_key_in_front_of_the_old_one_opens_both() -> None:
    old = Vault(OLD).seal("token")
    both = Vault(f"{NEW}, {OLD}")

    assert both.open(old) == "token"
    assert Vault(NEW).open(both.seal("token")) == "token"


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAAB", "ß"])
def test_a_damaged_or_foreign_text_is_refused_without_showing_it(sealed: str) -> None:
    for text in (sealed, Vault(OLD).seal("token")):
        with pytest.raises(SealedTextError) as caught:
            Vault(NEW).open(text)
        assert caught.value.__cause__ is None
        assert "token" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " , ", "short", f"{NEW},short", "ß"])
def test_a_bad_key_names_the_setting_and_not_the_key(key: str) -> None:
    with pytest.raises(SettingsError, match="TOKEN_ENCRYPTION_KEY") as caught:
        Vault(key)

    assert "short" not in str(caught.value)
