"""This file is where the ten stages are named: icon, meaning, and which may follow which."""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where one contact of one automation is; the same ten names as `public.automation_stage`."""

    QUEUED = "queued"
    CHECKING = "checking"
    ELIGIBLE = "eligible"
    GENERATING = "generating"
    READY_TO_SEND = "ready_to_send"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Look:
    """How a stage appears; the word is always shown, because icons repeat."""

    icon: str
    word: str
    meaning: str


LOOKS: dict[Stage, Look] = {
    Stage.QUEUED: Look("🕐", "Queued", "Added to a run, waiting"),
    Stage.CHECKING: Look("🔍", "Checking", "Rules being verified"),
    Stage.ELIGIBLE: Look("✅", "Eligible", "Passed every check, waiting for its turn"),
    Stage.GENERATING: Look("⚡", "Generating", "Google AI is writing the message"),
    Stage.READY_TO_SEND: Look("🎯", "Ready", "Message written, waiting to be sent"),
    Stage.SENDING: Look("📤", "Sending", "Being handed to Facebook"),
    Stage.SENT: Look("✅", "Sent", "Accepted by Facebook"),
    Stage.FAILED: Look("❌", "Failed", "Needs a person"),
    Stage.SKIPPED: Look("⏭️", "Skipped", "Not this time, with a reason"),
    Stage.COMPLETED: Look("✅", "Completed", "The sequence is over"),
}

# The same pairs as public.ai_automation_stage_moves; tests/database compares them.
MOVES: dict[Stage, frozenset[Stage]] = {
    # Sent, from where nobody is at it: an echo shows that Facebook took a message that it had
    # refused (decision 0055).
    Stage.QUEUED: frozenset({Stage.CHECKING, Stage.SKIPPED, Stage.SENT}),
    Stage.CHECKING: frozenset({Stage.ELIGIBLE, Stage.SKIPPED, Stage.QUEUED}),
    Stage.ELIGIBLE: frozenset({Stage.GENERATING, Stage.SKIPPED, Stage.SENT}),
    Stage.GENERATING: frozenset({Stage.READY_TO_SEND, Stage.ELIGIBLE, Stage.FAILED}),
    Stage.READY_TO_SEND: frozenset({Stage.SENDING, Stage.SKIPPED, Stage.ELIGIBLE, Stage.SENT}),
    # Skipped: Facebook says that the window is closed, whatever we believed.
    Stage.SENDING: frozenset({Stage.SENT, Stage.READY_TO_SEND, Stage.FAILED, Stage.SKIPPED}),
    Stage.SENT: frozenset({Stage.QUEUED, Stage.COMPLETED}),
    # Sent: it turned out that Facebook had taken a message of which nobody knew.
    Stage.FAILED: frozenset({Stage.QUEUED, Stage.SENT}),
    Stage.SKIPPED: frozenset({Stage.QUEUED, Stage.COMPLETED, Stage.SENT}),
    Stage.COMPLETED: frozenset({Stage.QUEUED}),
}

IN_FLIGHT: tuple[Stage, ...] = tuple(Stage)[:6]
FINISHED: tuple[Stage, ...] = tuple(Stage)[6:]
