"""This file is where a page's token is opened for one call."""

from typing import Protocol

from pipeline.model import Fail
from pipeline.vault import SealedTextError, Vault

UNREADABLE = Fail(
    "token_unreadable",
    "The page's stored access cannot be opened.",
    "TOKEN_ENCRYPTION_KEY was changed: put the old key behind the new one, separated by a comma, "
    "or connect the page again.",
    page_status="token_invalid",
)


class Sealed(Protocol):
    """What comes with a page's token: a contact in hand, or a page to read."""

    @property
    def encrypted_token(self) -> str:
        """Ciphertext."""
        ...


def open_token(job: Sealed, vault: Vault) -> str | Fail:
    """The token, or why there is none that can stand in a header."""
    try:
        token = vault.open(job.encrypted_token).strip()
    except SealedTextError:
        return UNREADABLE
    return token if token and token.isascii() and token.isprintable() else UNREADABLE
