"""This file is where the worker's words are defined: job, outcome, draft, receipt."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.stages import Stage


@dataclass(frozen=True, slots=True)
class Said:
    """One earlier message of a conversation; `by` is "contact" or "page".

    `id` is Facebook's; it is told of messages that cannot be the one a send was about.
    """

    by: str
    text: str
    at: datetime
    id: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One contact that this worker holds until `lease_token` expires."""

    state_id: int
    lease_token: str
    stage: Stage
    rule_id: str
    rule_name: str
    prompt: str
    language: str
    model: str
    review_before_send: bool
    contact_name: str
    sender_id: str
    page_name: str
    facebook_page_id: str
    encrypted_token: str = field(repr=False)
    follow_up_count: int
    max_follow_ups: int
    attempt: int
    window_closes_at: datetime | None
    message: str
    attempt_id: str
    attempt_started_at: datetime | None
    history: tuple[Said, ...]
    # On the clock of `pipeline.lease`, before the call that claimed it.
    claimed_at: float
    lease_seconds: int


@dataclass(frozen=True, slots=True)
class Fence:
    """What every write must show of a contact in hand."""

    state_id: int
    lease_token: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A contact that this worker holds although its row cannot be understood."""

    state_id: int
    lease_token: str
    stage: Stage


Held = Job | Unreadable


@dataclass(frozen=True, slots=True)
class Advance:
    """The step succeeded: the contact moves to `to`, and `fields` are stored with it."""

    to: Stage
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """The step may succeed later: the contact goes back one stage for `after_seconds`.

    `counts` is false for a wait that is not the contact's own doing; only tries that count come to
    an end. `trouble` says that the provider, not the contact, is the likely cause, `answered` that
    it has room all the same, and `asked_seconds` how long it asked everybody to wait. `page_status`
    stops the page (token_invalid, restricted) until one of its messages goes through again.
    `fields` are stored with the contact.
    """

    code: str
    message: str
    hint: str
    after_seconds: float
    pause_page_seconds: float = 0
    page_status: str = ""
    usage_percent: float = 0
    counts: bool = True
    trouble: bool = False
    answered: bool = False
    asked_seconds: float = 0
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fail:
    """A person is needed: code, one sentence, and a hint what to do.

    `page_status` is set when the page itself must stop (token_invalid, restricted); `fields` are
    stored with the contact. While it is `unknown` the conversation is looked at in `after_seconds`,
    0: when any unclear answer is looked up.
    """

    code: str
    message: str
    hint: str
    page_status: str = ""
    unknown: bool = False
    after_seconds: float = 0.0
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    """Not this time: no person is needed, and the contact is looked at again by itself.

    `code` is one of the eligibility rules' reasons, so that the contact comes back like others of
    it; the try itself failed, with code, sentence and hint.
    """

    code: str
    message: str
    hint: str


Outcome = Advance | Retry | Skip | Fail


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as the AI wrote it, with what it cost."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    generation_time_ms: int
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A text for one person that is no follow-up; `metadata` comes back in Facebook's echo."""

    facebook_page_id: str
    sender_id: str
    text: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Facebook's answer to a message it accepted; the share of the limits in use, for how long."""

    facebook_message_id: str
    usage_percent: float = 0
    regain_seconds: float = 0


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """A part of Facebook's list of conversations, as Facebook wrote it; no `cursor`: the last."""

    threads: list[dict[str, Any]]
    cursor: str | None
    usage_percent: float = 0
    regain_seconds: float = 0


@dataclass(frozen=True, slots=True)
class SyncLease:
    """A page whose conversations this worker reads until `lease_token` expires."""

    page_id: str
    facebook_page_id: str
    encrypted_token: str = field(repr=False)
    lease_token: str
    phase: str
    cursor: str | None
    page_size: int
    high_water_at: datetime | None
    must_prove: bool
    must_subscribe: bool
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What conversations say: rows for `hear_messages` and `hear_contacts`, and when they changed.

    `reached` is whether one of them changed before the moment up to which all is known.
    """

    messages: list[dict[str, Any]]
    people: list[dict[str, Any]]
    threads: int
    newest_at: datetime | None
    reached: bool
