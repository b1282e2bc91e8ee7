"""This file is where it is said what becomes of a contact whose step did not end as it should."""

from pipeline.model import Fail, Held, Outcome, Retry
from pipeline.stages import Stage
from pipeline.steps.verdicts import UNKNOWN_HINT

# What the database says of an outcome that it will never take.
UNFIT = ("refused", "too_long", "not_allowed")


def given_up(held: Held) -> Outcome:
    """What is recorded of a contact in hand when the worker must end."""
    words = "The worker was told to stop."
    if held.stage is Stage.SENDING:
        return Fail("outcome_unknown", words, UNKNOWN_HINT, unknown=True)
    hint = "Nothing to do: another worker, or this one when it is back, goes on with it."
    return Retry("worker_stopped", words, hint, 0.0, counts=False)


def surprise(held: Held) -> Fail:
    """A mistake of ours; while sending, the message may be out, so it is not repeated."""
    return Fail(
        "unexpected",
        "Something unexpected happened here; it is in the worker's log.",
        "Look at the conversation before you retry: the message may have been sent."
        if held.stage is Stage.SENDING
        else "Retry; if it happens again, report it.",
    )
