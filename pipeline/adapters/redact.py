"""This file is where other people's words lose what must not be stored or logged."""

import re

# Facebook's tokens begin with EAA, Google's keys with AIza; long unbroken words may be secrets.
SECRET = re.compile(r"EAA\w+|AIza[\w-]+|[\w-]{50,}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
LONGEST = 200


def redact(text: str, *secrets: str) -> str:
    """`text` on one line, at most 200 characters, without `secrets` or anything like one."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    return SECRET.sub("…", CONTROL.sub(" ", text)).strip()[:LONGEST]
