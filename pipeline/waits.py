"""This file is where a wait that somebody else asked for is kept within a day."""

import math

A_DAY_SECONDS = 86_400.0


def within_a_day(seconds: float) -> float:
    """`seconds`, at least none and at most a day: a provider's number may be anything."""
    return 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), A_DAY_SECONDS)
