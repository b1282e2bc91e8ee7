"""This file is where a message is handed to Facebook once, and what became of it is decided."""

from collections.abc import Callable

from pipeline.lease import is_nearly_over, read_clock
from pipeline.model import Advance, Fail, Job, Outcome
from pipeline.ports import GraphError, Messenger, NotSentError, OutcomeUnknownError
from pipeline.stages import Stage
from pipeline.steps.backoff import try_again
from pipeline.steps.page_token import open_token
from pipeline.steps.text_checks import find_misfit
from pipeline.steps.verdicts import Kind, classify, describe
from pipeline.vault import Vault

UNKNOWN_HINT = "The conversation is being looked at; nothing is sent again by itself."
TEXT_HINT = "Retry: the message is written anew."


async def send(
    job: Job, messenger: Messenger, vault: Vault, clock: Callable[[], float] = read_clock
) -> Outcome:
    """One call. `Fail(unknown=True)` means: it may have arrived, leave it for the settle turn."""
    fault = find_misfit(job.message)
    if fault is not None:
        return Fail(fault.code, fault.message, TEXT_HINT)
    token = open_token(job, vault)
    if isinstance(token, Fail):
        return token
    if is_nearly_over(job, clock()):
        # Whoever held the contact meanwhile has its own token, so then this changes nothing.
        return try_again(job, "lease_nearly_over", "The worker was held up before it could send.")
    try:
        receipt = await messenger.send(job, token)
    except NotSentError as error:
        return try_again(job, "facebook_unreachable", str(error))
    except OutcomeUnknownError as error:
        return Fail("outcome_unknown", str(error), UNKNOWN_HINT, unknown=True)
    except GraphError as error:
        return decide(job, error)
    return Advance(Stage.SENT, {"facebook_message_id": receipt.facebook_message_id})


def decide(job: Job, error: GraphError) -> Outcome:
    """What Facebook's error means for this contact, and for its page."""
    verdict = classify(error)
    words = describe(error, verdict)
    if verdict.kind is Kind.UNKNOWN:
        return Fail(verdict.code, words, UNKNOWN_HINT, unknown=True)
    if verdict.kind is Kind.LATER:
        wait = max(verdict.wait_seconds, error.regain_seconds)
        return try_again(job, verdict.code, words, wait, pauses_page=verdict.pauses_page)
    return Fail(verdict.code, words, verdict.hint, page_status=verdict.page_status)
