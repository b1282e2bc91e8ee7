"""This file is where Facebook's usage headers are read."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

HEADERS = ("x-business-use-case-usage", "x-app-usage", "x-page-usage")
PERCENTS = ("call_count", "total_cputime", "total_time")


def used_percent(headers: Mapping[str, str]) -> float:
    """The fullest of all limits named in the headers, in percent; 0 when there are none."""
    return max((_number(row.get(name)) for row in _rows(headers) for name in PERCENTS), default=0)


def regain_seconds(headers: Mapping[str, str]) -> float:
    """How long Facebook says the limit lasts (its number is in minutes); 0 when it does not."""
    waits = (_number(row.get("estimated_time_to_regain_access")) for row in _rows(headers))
    return 60 * max(waits, default=0)


def _rows(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for name in HEADERS:
        try:
            yield from _flatten(json.loads(headers.get(name, "{}")))
        except ValueError:
            continue


def _flatten(value: object) -> Iterator[Mapping[str, Any]]:
    """The business header is a list of rows for every id; some versions send a dict instead."""
    if isinstance(value, list):
        for item in value:
            yield from _flatten(item)
    elif isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _flatten(item)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
