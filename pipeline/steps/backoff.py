"""This file is where a repeated try gets its waiting time, or is given up."""

from zlib import crc32

from pipeline.model import Fail, Job, Retry
from pipeline.waits import within_a_day

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 900.0
MOST_TRIES = 8


def backoff_seconds(attempt: int, chance: float) -> float:
    """Doubles with every attempt (the first is 0); half of it is certain, half by `chance` in 0..1.

    Full jitter may come out near zero and retry at once, so this is equal jitter.
    """
    ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempt, 30))
    return ceiling / 2 + chance * ceiling / 2


def chance_of(job: Job) -> float:
    """A number in 0..1 that differs between contacts and attempts, and never for the same one."""
    return crc32(f"{job.state_id}:{job.attempt}".encode()) / 2**32


def try_again(
    job: Job, code: str, message: str, hint: str, asked_seconds: float = 0.0
) -> Retry | Fail:
    """Later, not before `asked_seconds` (a day at most); after eight tries a person must look."""
    if job.attempt + 1 >= MOST_TRIES:
        over = "Retry it when the cause is gone; automatic tries have ended."
        return Fail(code, f"{message} Given up after {MOST_TRIES} tries.", over)
    return Retry(code, message, hint, _wait(job, asked_seconds))


def wait_for_provider(
    job: Job, code: str, message: str, hint: str, asked_seconds: float = 0.0
) -> Retry:
    """The provider has trouble: later, and whether this was a try at all is for the breaker."""
    wait = _wait(job, asked_seconds)
    asked = wait if asked_seconds > 0 else 0.0
    return Retry(code, message, hint, wait, trouble=True, asked_seconds=asked)


def wait(job: Job, code: str, message: str, hint: str, asked_seconds: float = 0.0) -> Retry:
    """Later, and no try of this contact is used up."""
    return Retry(code, message, hint, _wait(job, asked_seconds), counts=False)


def _wait(job: Job, asked_seconds: float) -> float:
    own = backoff_seconds(job.attempt, chance_of(job))
    # All who were told the same time would come back in one moment.
    return max(own, within_a_day(asked_seconds) * (1 + chance_of(job) / 10))
