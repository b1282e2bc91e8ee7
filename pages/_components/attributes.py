"""This file is where data-* and aria-* names are given to components; Dash's stubs know none."""

from collections.abc import Mapping
from typing import Any


def attrs(names: Mapping[str, str]) -> dict[str, Any]:
    """The same names and values, for `**`."""
    return dict(names)
