"""This file is where a test message is written: the real prompt and the real AI, sent to nobody."""

from datetime import datetime
from typing import Any, assert_never

from pipeline.lease import read_clock
from pipeline.model import Advance, Fail, Job, Retry, Said
from pipeline.ports import Writer
from pipeline.stages import Stage
from pipeline.steps.write import write

Row = dict[str, Any]


async def preview(row: Row, writer: Writer) -> Row:
    """A row of `claim_previews` as the result that `finish_preview` takes."""
    outcome = await write(job_of_preview(row), writer)
    match outcome:
        case Advance():
            return dict(outcome.fields)
        case Retry():
            return {"error_message": outcome.message, "error_hint": "Try again in a moment."}
        case Fail():
            hint = outcome.hint.replace(", then retry: the message is written anew", "")
            return {"error_message": outcome.message, "error_hint": hint}
        case _:
            assert_never(outcome)


def job_of_preview(row: Row) -> Job:
    """What the writer needs to know; there is no contact in hand, no token and no lease."""
    history = tuple(
        Said(said["by"], said["text"], datetime.fromisoformat(said["at"]))
        for said in row["history"]
    )
    return Job(
        state_id=0,
        lease_token="",
        stage=Stage.GENERATING,
        rule_id=row["rule_id"] or "",
        rule_name="",
        prompt=row["prompt"],
        language=row["language"],
        model=row["model"],
        review_before_send=True,
        contact_name=row["contact_name"],
        sender_id="",
        page_name=row["page_name"],
        facebook_page_id="",
        encrypted_token="",
        follow_up_count=row["follow_up_count"],
        max_follow_ups=row["max_follow_ups"],
        attempt=0,
        window_closes_at=None,
        message="",
        attempt_id="",
        attempt_started_at=None,
        history=history,
        claimed_at=read_clock(),
        lease_seconds=60,
    )
