"""This file is where page tokens are encrypted, with a key that is never in the database."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pipeline.settings import SettingsError


class SealedTextError(Exception):
    """The text was sealed with another key, or is damaged."""


class Vault:
    """Seals with the first of the comma-separated keys, opens with any of them."""

    def __init__(self, token_encryption_key: str) -> None:
        keys = [key.strip() for key in token_encryption_key.split(",") if key.strip()]
        try:
            fernets = [Fernet(key) for key in keys]
            self._fernet = MultiFernet(fernets)
            self._first = fernets[0]
        except ValueError:
            raise SettingsError(
                "TOKEN_ENCRYPTION_KEY must be one or more Fernet keys, separated by commas. "
                'Make one with: python -c "from cryptography.fernet import Fernet; '
                'print(Fernet.generate_key().decode())"'
            ) from None

    def seal(self, text: str) -> str:
        """The text, encrypted."""
        return self._fernet.encrypt(text.encode()).decode()

    def rotate(self, text: str) -> str:
        """The same secret, sealed with the first key. Raises SealedTextError."""
        try:
            return self._fernet.rotate(text.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise SealedTextError("This was sealed with another TOKEN_ENCRYPTION_KEY.") from None

    def is_current(self, text: str) -> bool:
        """Whether the first key alone opens it, so that the others are no longer needed."""
        try:
            self._first.decrypt(text.encode())
        except (InvalidToken, UnicodeError):
            return False
        return True

    def open(self, text: str) -> str:
        """The text that was sealed. Raises SealedTextError."""
        try:
            return self._fernet.decrypt(text.encode()).decode()
        except (InvalidToken, UnicodeError):
            raise SealedTextError("This was sealed with another TOKEN_ENCRYPTION_KEY.") from None
