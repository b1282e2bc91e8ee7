"""This file is where it is measured how much of a lease is gone."""

import time

from pipeline.model import Job

SAFE_SHARE = 0.5


def read_clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_clock is None else time.clock_gettime(boot_clock)


def is_nearly_over(job: Job, now: float) -> bool:
    """Whether another worker may soon hold the contact; `now` is `read_clock()`.

    Renewals do not count: a suspended worker did not renew, and does not know that it slept.
    """
    return now - job.claimed_at > job.lease_seconds * SAFE_SHARE
