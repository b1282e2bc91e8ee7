"""This file is where rows become lines of a CSV file that no spreadsheet takes for formulas."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# What a spreadsheet may take for the beginning of a formula. Where its separator is a semicolon it
# minds our quotes no longer, so a cell may begin anew at one, and at each line. A wink is none.
FORMULA = re.compile(r"(^|[;\t\r\n])(?= *(?:[=+@\uff1d\uff0b\uff0d\uff20]|-(?!\))))")
BLANK = ("\t", "\r", "\n")
# Spreadsheets read UTF-8 only behind it; other programs, and our own import, pass it over.
BYTE_ORDER_MARK = "\ufeff"


def cell(value: Any) -> str:
    """The value as text; an apostrophe goes before whatever could be a formula."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = ";".join(map(str, value))
    if not isinstance(value, str):
        return str(value)
    text = FORMULA.sub(r"\1'", value)
    return f"'{text}" if text.startswith(BLANK) else text


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Lines as RFC 4180 has them."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(map(cell, row) for row in rows)
    return written.getvalue()
