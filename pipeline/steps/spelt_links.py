"""This file is where addresses are found that a reader understands and no machine touches."""

import re

ARTICLE = "the|a|an|this|that|our|your|my|el|il|le|der|un|uno"
NAME = rf"(?<![\w@])(?!(?:{ARTICLE})\b)([a-z0-9][a-z0-9-]{{1,62}})"
# Only endings that are no word where they stand: ". Shop", ". De" and ". No" begin a sentence.
SPOKEN = re.compile(
    rf"{NAME}\s+(?:(?:dot|d0t)\s+(com|net|org|info|io|biz|xyz|ru|de|co)"
    r"|(?:punkt|punto|ponto|point)\s+(com|org)|точка\s+(?:com|ru|ком|ру))\b",
    re.IGNORECASE,
)
# "com" is Portuguese for with, "net" Dutch for just, "biz" Turkish for we: only where nothing
# follows it, so that it can be no sentence.
APART = re.compile(
    rf"{NAME}\s+\.\s*(com|net|org|info|biz|xyz|ru)(?=\s*(?:$|[/?#!,;:)\]]|\.(?:\s|$)))"
    rf"|{NAME}\.\s+(com|net|org|xyz)(?=/)",
    re.MULTILINE,
)
HERE = re.compile(r"\blocalhost(?=:\d|/)", re.IGNORECASE)


def joined(text: str) -> str:
    """The text with such addresses as they are meant: "evil dot com" becomes evil.com."""
    if "localhost" in text.lower():
        text = HERE.sub("localhost.example", text)
    for pattern in (SPOKEN, APART):
        text = pattern.sub(_dotted, text)
    return text


def _dotted(match: re.Match[str]) -> str:
    name, *endings = filter(None, match.groups())
    return f"{name}.{endings[0] if endings else 'ru'}"
