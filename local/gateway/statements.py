"""This file is where SQL statements are read by name from the `.sql` files beside it."""

import re
from pathlib import Path

NAME = re.compile(r"^-- name: (\w+).*\n", re.MULTILINE)


def read_statements(file: str) -> dict[str, str]:
    """The statements of `file` by the name in the comment that opens each."""
    parts = NAME.split((Path(__file__).parent / file).read_text())
    return dict(zip(parts[1::2], (text.strip().rstrip(";") for text in parts[2::2]), strict=True))
