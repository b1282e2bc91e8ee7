"""This file is where Facebook's usage headers are read."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.waits import within_a_day

HEADERS = ("x-business-use-case-usage", "x-app-usage", "x-page-usage")
SHARES = ("call_count", "total_cputime", "total_time")


def regain_seconds(headers: Mapping[str, str]) -> float:
    """How long Facebook says the limit lasts (in minutes there), a day at most; 0 without."""
    waits = (_number(row.get("estimated_time_to_regain_access")) for row in _rows(headers))
    return max((within_a_day(60 * minutes) for minutes in waits), default=0.0)


def usage_percent(headers: Mapping[str, str]) -> float:
    """The highest of the shares of the limits that are used, in percent, up to 100; 0 without."""
    shares = (_number(row.get(name)) for row in _rows(headers) for name in SHARES)
    return max((min(max(share, 0.0), 100.0) for share in shares), default=0.0)


def _rows(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for name in HEADERS:
        try:
            yield from _flatten(json.loads(headers.get(name, "{}")))
        except (ValueError, RecursionError):
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
    try:
        number = float(value) if isinstance(value, (int, float)) else 0.0
    except OverflowError:
        return math.inf
    return 0.0 if math.isnan(number) else number
