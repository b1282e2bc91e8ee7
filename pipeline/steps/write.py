"""This file is where a contact's message is written, checked, and written once more if need be."""

from dataclasses import replace

from pipeline.model import Advance, Draft, Fail, Job, Retry
from pipeline.ports import (
    Writer,
    WriterBusyError,
    WriterEmptyError,
    WriterError,
)
from pipeline.stages import Stage
from pipeline.steps.backoff import MOST_TRIES, try_again, wait_for_provider
from pipeline.steps.text_checks import EMPTY, Fault, clean, find_fault, find_foreign, find_strange

HINT = "Read the automation's prompt, then retry: the message is written anew."


async def write(job: Job, writer: Writer) -> Advance | Retry | Fail:
    """A text fit to be sent goes on to ready_to_send; two unfit ones need a person."""
    drafts: list[Draft] = []
    fault, correction = EMPTY, ""
    for _ in range(2):
        try:
            draft = await writer.write(job, correction)
        except WriterEmptyError as empty:
            drafts += _spent(empty)
            fault = Fault(empty.code, empty.message, empty.correction)
            correction = fault.correction
            continue
        except WriterError as error:
            return replace(_explain(job, error), fields=_paid(drafts + _spent(error)))
        drafts.append(draft)
        text = clean(draft.text)
        found = _find_fault(job, text)
        if found is None:
            fields = {"generated_message": text, **_paid(drafts)}
            return Advance(Stage.READY_TO_SEND, fields)
        fault, correction = found, found.correction
    return Fail(fault.code, fault.message, HINT, fields=_paid(drafts))


def _explain(job: Job, error: WriterError) -> Retry | Fail:
    if isinstance(error, WriterBusyError):
        told = (job, error.code, error.message, error.hint, error.after_seconds)
        if job.attempt + 1 < MOST_TRIES:
            return replace(wait_for_provider(*told), answered=error.answered)
        return try_again(*told)
    return Fail(error.code, error.message, error.hint)


def _spent(error: WriterError) -> list[Draft]:
    return [error.spent] if error.spent else []


def _find_fault(job: Job, text: str) -> Fault | None:
    """An automation that names its language has decided; otherwise it is the contact's."""
    # A page may be called after its address.
    asked = f"{job.prompt}\n{job.page_name}"
    found = find_fault(text, _said_by(job, "page"), asked, job.contact_name)
    if found is not None:
        return found
    if job.language.strip().lower() not in ("", "auto"):
        return None
    heard = _said_by(job, "contact")
    return find_foreign(text, heard) or find_strange(text, heard, job.prompt)


def _said_by(job: Job, who: str) -> list[str]:
    return [said.text for said in job.history if said.by == who]


def _paid(drafts: list[Draft]) -> dict[str, object]:
    """All answers were paid for, so all count, also when none is used or had no text in it."""
    if not drafts:
        return {}
    costs = [draft.cost_usd for draft in drafts if draft.cost_usd is not None]
    return {
        "generation_time_ms": sum(draft.generation_time_ms for draft in drafts),
        "ai_model": drafts[-1].model,
        "tokens_in": sum(draft.tokens_in for draft in drafts),
        "tokens_out": sum(draft.tokens_out for draft in drafts),
        "cost_usd": str(sum(costs)) if costs else None,
    }
