"""This file is where a message is handed to Facebook once, and what became of it is decided."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import assert_never

from pipeline.lease import is_nearly_over, read_clock
from pipeline.model import Advance, Fail, Job, Outcome, Retry, Skip
from pipeline.ports import GraphError, Messenger, NotSentError, OutcomeUnknownError
from pipeline.stages import Stage
from pipeline.steps.backoff import wait, wait_for_provider
from pipeline.steps.page_token import open_token
from pipeline.steps.text_checks import find_misfit
from pipeline.steps.verdicts import UNKNOWN_HINT, Kind, classify, describe
from pipeline.vault import Vault

AGAIN = "Nothing to do: it is tried again by itself, and nothing was sent."
# The page's pause decides; this only keeps the contact out of the same turn.
HELD_SECONDS = 5.0
TEXT_HINT = "Retry: the message is written anew."


async def send(
    job: Job,
    messenger: Messenger,
    vault: Vault,
    now: datetime,
    clock: Callable[[], float] = read_clock,
) -> Outcome:
    """One call. `Fail(unknown=True)` means: it may have arrived, leave it for the settle turn.

    `now` is by the database's clock, as the window is; `clock` measures how old the lease is.
    """
    fault = find_misfit(job.message)
    if fault is not None:
        return Fail(fault.code, fault.message, TEXT_HINT)
    token = open_token(job, vault)
    if isinstance(token, Fail):
        return hold_page(token.code, token.message, token.hint, token.page_status)
    if is_nearly_over(job, clock()) or is_out_of_window(job, now):
        # Whoever held the contact meanwhile has its own token, so then this changes nothing; the
        # next claim asks all the rules again.
        return wait(job, "lease_nearly_over", "The worker was held up before it could send.", AGAIN)
    try:
        receipt = await messenger.send(job, token)
    except NotSentError as error:
        return wait_for_provider(job, "facebook_unreachable", str(error), AGAIN)
    except OutcomeUnknownError as error:
        return Fail("outcome_unknown", str(error), UNKNOWN_HINT, unknown=True)
    except GraphError as error:
        return decide(job, error)
    return Advance(Stage.SENT, asdict(receipt))


def is_out_of_window(job: Job, now: datetime) -> bool:
    """Whether Facebook's 24 hours are over since the claim looked; so they are where none is known.

    The claim, on the database's own clock, has the last word: this one may be a little off.
    """
    return job.window_closes_at is None or job.window_closes_at <= now


def decide(job: Job, error: GraphError) -> Outcome:
    """What Facebook's error means for this contact, for its page, and for the whole app."""
    verdict = classify(error)
    words = describe(error, verdict)
    match verdict.kind:
        case Kind.UNKNOWN:
            return Fail(verdict.code, words, verdict.hint, verdict.page_status, unknown=True)
        case Kind.PAGE:
            return hold_page(verdict.code, words, verdict.hint, verdict.page_status)
        case Kind.SKIP:
            return Skip(verdict.code, words, verdict.hint)
        case Kind.FINAL:
            return Fail(verdict.code, words, verdict.hint)
        case Kind.LATER:
            seconds = max(verdict.wait_seconds, error.regain_seconds)
            later = wait(job, verdict.code, words, verdict.hint, seconds)
            return replace(
                later,
                pause_page_seconds=later.after_seconds if verdict.pauses_page else 0.0,
                usage_percent=error.usage_percent,
                trouble=verdict.slows_app,
                asked_seconds=later.after_seconds if verdict.slows_app else 0.0,
            )
        case _:
            assert_never(verdict.kind)


def hold_page(code: str, message: str, hint: str, page_status: str) -> Retry:
    """The page is stopped, the contact is not to blame: its message waits for the page."""
    return Retry(code, message, hint, HELD_SECONDS, page_status=page_status, counts=False)
