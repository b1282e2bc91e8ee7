"""This file is where rows become lines of a CSV file that no spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

# What a spreadsheet may take for the beginning of a formula.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
# Spreadsheets read UTF-8 only behind it; other programs, and our own import, pass it over.
BYTE_ORDER_MARK = "\ufeff"


def cell(value: Any) -> str:
    """The value as text; an apostrophe goes before what could be a formula."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = ";".join(map(str, value))
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(DANGEROUS) else text


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Lines as RFC 4180 has them."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(map(cell, row) for row in rows)
    return written.getvalue()
