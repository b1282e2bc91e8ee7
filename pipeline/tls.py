"""This file is where connections get the certificates they need, and no others."""

import ssl
from functools import cache
from urllib.parse import urlsplit


def trust_for(url: str) -> ssl.SSLContext:
    """For an address without encryption nothing is read; a redirect to one with it would fail."""
    return _nothing() if urlsplit(url).scheme == "http" else ssl.create_default_context()


@cache
def _nothing() -> ssl.SSLContext:
    # Reading the machine's certificates takes 30 ms for every client.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
