"""This file is where a contact's message is written, checked, and written once more if need be."""

from pipeline.model import Advance, Draft, Fail, Job, Outcome
from pipeline.ports import (
    Writer,
    WriterBusyError,
    WriterEmptyError,
    WriterError,
    WriterRefusedError,
)
from pipeline.stages import Stage
from pipeline.steps.backoff import MOST_TRIES, try_again, wait_for_provider
from pipeline.steps.text_checks import EMPTY, Fault, clean, find_fault

HINT = "Read the automation's prompt, then retry: the message is written anew."


async def write(job: Job, writer: Writer) -> Outcome:
    """A text fit to be sent goes on to ready_to_send; two unfit ones need a person."""
    drafts: list[Draft] = []
    fault, correction = EMPTY, ""
    for _ in range(2):
        try:
            draft = await writer.write(job, correction)
        except WriterEmptyError as empty:
            fault = Fault(empty.code, empty.message, EMPTY.correction)
            correction = fault.correction
            continue
        except WriterError as error:
            return _explain(job, error)
        drafts.append(draft)
        text = clean(draft.text)
        found = find_fault(text, _said_by_page(job), job.prompt)
        if found is None:
            return Advance(Stage.READY_TO_SEND, _fields(text, drafts))
        fault, correction = found, found.correction
    return Fail(fault.code, fault.message, HINT)


def _explain(job: Job, error: WriterError) -> Outcome:
    if isinstance(error, WriterBusyError):
        later = wait_for_provider if job.attempt + 1 < MOST_TRIES else try_again
        return later(job, error.code, error.message, error.after_seconds)
    hint = error.hint if isinstance(error, WriterRefusedError) else HINT
    return Fail(error.code, error.message, hint)


def _said_by_page(job: Job) -> list[str]:
    return [said.text for said in job.history if said.by == "page"]


def _fields(text: str, drafts: list[Draft]) -> dict[str, object]:
    """Both drafts were paid for, so both count."""
    return {
        "generated_message": text,
        "generation_time_ms": sum(draft.generation_time_ms for draft in drafts),
        "ai_model": drafts[-1].model,
        "tokens_in": sum(draft.tokens_in for draft in drafts),
        "tokens_out": sum(draft.tokens_out for draft in drafts),
    }
