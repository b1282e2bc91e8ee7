"""This file is where a send with an unknown outcome is settled, by reading the conversation."""

from datetime import datetime, timedelta

from pipeline.looks import LOOK_FOR_SECONDS, last_look, look_at_unreadable, next_look
from pipeline.model import Advance, Fail, Job, Outcome
from pipeline.ports import GraphError, Messenger, MessengerError
from pipeline.stages import Stage
from pipeline.steps.page_token import open_token
from pipeline.steps.verdicts import classify, describe
from pipeline.vault import Vault

GIVE_UP_AFTER = timedelta(hours=1)
CODE = "outcome_unknown"
NOT_FOUND = Fail(
    CODE,
    "The message may or may not have arrived: Facebook gave no clear answer, and it has not "
    "appeared in the conversation.",
    "Look at the conversation on Facebook. Retry only if the message is not there.",
)
NOT_READ_HINT = "The conversation is read again in a while; nothing is sent again by itself."
NOT_THERE = "Sent or not is not known yet: the conversation was read, and it is not there so far."
NOT_THERE_HINT = (
    "Facebook may show a message late. It is looked for until {seconds:.0f} s after the call; "
    "nothing is sent again by itself."
)
WAITING = "Waits for the next look at the conversation"


async def settle(
    job: Job,
    messenger: Messenger,
    vault: Vault,
    now: datetime,
    look_for_seconds: float = LOOK_FOR_SECONDS,
) -> Outcome:
    """Sent if our text is in the thread, otherwise failed; `now` is by the database's clock.

    While the thread cannot be read, or may still come to show it, the answer is
    `Fail(unknown=True)`: stay in sending and ask again. It is not a Retry, because a Retry would go
    back to ready_to_send and out a second time.
    """
    token = open_token(job, vault)
    if isinstance(token, Fail):
        return _wait(job, token.message, token.page_status, now)
    try:
        message_id = await messenger.find_sent(job, token)
    except GraphError as error:
        verdict = classify(error)
        return _wait(job, describe(error, verdict), verdict.page_status, now)
    except MessengerError as error:
        return _wait(job, str(error), "", now)
    if message_id is None:
        return _not_there(job, now, look_for_seconds)
    # Only words and time say that it is ours: the database knows whether another try is it.
    return Advance(Stage.SENT, {"facebook_message_id": message_id, "from_thread": True})


def _not_there(job: Job, now: datetime, look_for_seconds: float) -> Fail:
    """One look proves nothing: what was just sent may not be shown yet (decision 0057)."""
    last = last_look(job.lease_seconds, look_for_seconds)
    age = _age(job, now)
    wait = None if age is None else next_look(age, job.lease_seconds, look_for_seconds)
    if wait is None:
        return NOT_FOUND
    hint = NOT_THERE_HINT.format(seconds=last)
    said = {"status_message": WAITING}
    return Fail(CODE, NOT_THERE, hint, unknown=True, after_seconds=wait, fields=said)


def _wait(job: Job, why: str, page_status: str, now: datetime) -> Fail:
    words = f"Sent or not is still unknown, the conversation cannot be read: {why}"
    if is_given_up(job, now):
        return Fail(CODE, words, NOT_FOUND.hint, page_status)
    wait = look_at_unreadable(_age(job, now) or 0.0, job.lease_seconds)
    return Fail(CODE, words, NOT_READ_HINT, page_status, unknown=True, after_seconds=wait)


def is_given_up(job: Job, now: datetime) -> bool:
    """Whether a send has been unclear for so long that nobody looks for it any more."""
    age = _age(job, now)
    return age is not None and age > GIVE_UP_AFTER.total_seconds()


def _age(job: Job, now: datetime) -> float | None:
    since = job.attempt_started_at
    return None if since is None else max((now - since).total_seconds(), 0.0)
