"""This file is where the README is held to its word: commands and files it names exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/operating.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page):
    named = set(re.findall(r"(?:`|^    )make ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named
    assert named <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_file_exists(page):
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\(([^)#]+)\)", text)
    quoted = re.findall(r"`([a-z_]+/[A-Za-z0-9_./-]*|[a-z_.]+\.(?:py|sql|md|example))`", text)

    missing = [
        name
        for name in linked + quoted
        if not (ROOT / name).exists()
        and not ((ROOT / page).parent / name).exists()
        and not name.startswith((".local", "connection."))
    ]
    assert missing == []
