"""This file is where the security headers of every answer are written."""

from collections.abc import Sequence

HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
}
DAY_SECONDS = 86_400


def content_security_policy(script_hashes: Sequence[str]) -> bytes:
    """Own scripts and Dash's hashed ones only; styles stay open, because Dash injects them."""
    scripts = " ".join(["'self'", *script_hashes])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ).encode()


def cache_control(path: str) -> bytes:
    """Assets may be kept; everything that shows a person's data may not."""
    if path.startswith("/assets/vendor/"):
        return f"public, max-age={30 * DAY_SECONDS}".encode()
    return b"no-cache" if path.startswith("/assets/") else b"no-store"
