"""This file is where a send with an unknown outcome is settled, by reading the conversation."""

from datetime import datetime, timedelta

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
    "The message may or may not have arrived: Facebook gave no clear answer, and it is not in the "
    "conversation.",
    "Look at the conversation on Facebook. Retry only if the message is not there.",
)
NOT_READ_HINT = "The conversation is read again in a while; nothing is sent again by itself."


async def settle(job: Job, messenger: Messenger, vault: Vault, now: datetime) -> Outcome:
    """Sent if our text is in the thread, otherwise failed; `now` is by the database's clock.

    While the thread cannot be read the answer is `Fail(unknown=True)`: stay in sending and ask
    again. It is not a Retry, because a Retry would go back to ready_to_send and out a second time.
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
        return NOT_FOUND
    # Only words and time say that it is ours: the database knows whether another try is it.
    return Advance(Stage.SENT, {"facebook_message_id": message_id, "from_thread": True})


def _wait(job: Job, why: str, page_status: str, now: datetime) -> Fail:
    words = f"Sent or not is still unknown, the conversation cannot be read: {why}"
    if is_given_up(job, now):
        return Fail(CODE, words, NOT_FOUND.hint, page_status)
    return Fail(CODE, words, NOT_READ_HINT, page_status, unknown=True)


def is_given_up(job: Job, now: datetime) -> bool:
    """Whether a send has been unclear for so long that nobody looks for it any more."""
    since = job.attempt_started_at
    return since is not None and now - since > GIVE_UP_AFTER
