"""This file is where our styles are kept from making every change of a page cost all of it."""

import re

from tests.running import ROOT

SHEETS = sorted((ROOT / "assets").rglob("*.css"))


def selectors() -> list[str]:
    text = "\n".join(sheet.read_text() for sheet in SHEETS)
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return [one.strip() for group in re.findall(r"([^{};]+)\{", plain) for one in group.split(",")]


def test_nothing_restyles_a_whole_list_when_one_of_it_moves():
    """`a + *` and `a ~ *` do: the browser does not remember which element came after which."""
    assert len(selectors()) > 1000

    assert [one for one in selectors() if re.search(r"[+~]\s*\*", one)] == []


def test_nothing_restyles_the_page_when_anything_in_it_changes():
    """`html:has(...)` does: whatever is put in or taken out may matter to it."""
    assert [one for one in selectors() if re.match(r"(html|body|:root|#monitor):has", one)] == []
