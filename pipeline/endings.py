"""This file is where it is said what becomes of a contact whose step did not end as it should."""

from datetime import datetime

from pipeline.model import Fail, Held, Job, Outcome, Retry
from pipeline.stages import Stage
from pipeline.steps.settle import is_given_up
from pipeline.steps.verdicts import UNKNOWN_HINT

# What the database says of an outcome that it will never take.
UNFIT = ("refused", "too_long", "not_allowed")
SURPRISE = "Something unexpected happened here; it is in the worker's log."


def given_up(held: Held) -> Outcome:
    """What is recorded of a contact in hand when the worker must end."""
    words = "The worker was told to stop."
    if held.stage is Stage.SENDING:
        return Fail("outcome_unknown", words, UNKNOWN_HINT, unknown=True)
    hint = "Nothing to do: another worker, or this one when it is back, goes on with it."
    return Retry("worker_stopped", words, hint, 0.0, counts=False)


def surprise(held: Held, now: datetime) -> Fail:
    """A mistake of ours in a step; `now` is by the database's clock.

    While sending, the message may be out: the thread is read for as long as after any other unclear
    answer, and only then is it the end.
    """
    if isinstance(held, Job) and held.stage is Stage.SENDING and not is_given_up(held, now):
        return Fail("outcome_unknown", SURPRISE, UNKNOWN_HINT, unknown=True)
    return unfit(held)


def unfit(held: Held) -> Fail:
    """The end of a contact with which this worker, or the database, can do nothing."""
    return Fail(
        "unexpected",
        SURPRISE,
        "Look at the conversation before you retry: the message may have been sent."
        if held.stage is Stage.SENDING
        else "Retry; if it happens again, report it.",
    )
