"""This file is where it is said, in plain Python, what the database ought to do with contacts.

Moments are seconds on a clock of the model's own: each call is one second later, and what was
before the first call is negative. A history takes minutes, so hours and days never come near.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

HOUR = 3600.0
IN_FLIGHT = ("queued", "checking", "eligible", "generating", "ready_to_send", "sending")
HELD = ("checking", "generating", "sending")
TIME_CURES = ("page_unavailable", "waiting", "outside_active_hours", "daily_limit_reached")
OVER = ("replied", "opted_out", "stopped", "max_follow_ups_reached")
MAY_BE_OUT = ("sending", "sent", "unknown")


@dataclass
class Run:
    """How the contacts of one trigger left the flight."""

    total: int
    sent: int = 0
    skipped: int = 0
    failed: int = 0

    def count(self, stage: str, contacts: int) -> None:
        """So many more left by way of `stage`."""
        setattr(self, stage, getattr(self, stage) + contacts)


@dataclass
class Try:
    """One handing-over to Facebook."""

    follow_up: int
    started: float
    outcome: str = "sending"
    is_told: bool = False


@dataclass
class Rule:
    """What the owner has chosen."""

    enabled: bool = True
    include: frozenset[str] = frozenset({"class"})
    exclude: frozenset[str] = frozenset()
    wait_minutes: int = 0
    max_follow_ups: int = 2
    daily_limit: int = 12
    is_open: bool = True
    review: bool = False
    stop_on_reply: bool = True
    changed: float = 0


@dataclass(eq=False)
class Contact:
    """A person, and where the automation is with them; `stage` is empty before the first run."""

    id: UUID
    wrote: float
    tags: frozenset[str]
    opted_out: bool
    changed: float
    state_id: int = 0
    stage: str = ""
    reason: str | None = None
    entered: float = 0
    queued: float = 0
    began: float = 0
    is_due: bool = True
    next_check: float | None = None
    stopped: bool = False
    approved: bool = False
    place: bool = False
    sent_at: float | None = None
    follow_ups: int = 0
    max_follow_ups: int = 0
    lost: int = 0
    holder: int | None = None
    run_id: UUID | None = None
    token: Any = None
    lease_is_over: bool = False
    tries: list[Try] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    @property
    def replies_count_from(self) -> float | None:
        """A message after this moment is an answer to us: to any message of the sequence."""
        if self.sent_at is not None:
            return min(self.began, self.sent_at)
        return self.queued if self.stage in IN_FLIGHT else None

    @property
    def open_try(self) -> Try | None:
        """The try of this follow-up of which nobody knows yet how it went."""
        open_ones = ("sending", "unknown")
        mine = (t for t in self.tries if t.follow_up == self.follow_ups + 1)
        return next((t for t in mine if t.outcome in open_ones), None)

    @property
    def may_be_out(self) -> bool:
        """Whether this follow-up was sent, or may have been."""
        return any(
            t.follow_up == self.follow_ups + 1 and t.outcome in MAY_BE_OUT for t in self.tries
        )


@dataclass
class Model:
    """One automation: its contacts, its runs, and the places of its daily limit."""

    rule: Rule = field(default_factory=Rule)
    contacts: list[Contact] = field(default_factory=list)
    runs: dict[UUID, Run] = field(default_factory=dict)
    is_paused: bool = False
    now: float = 0
    kept: int = 0
    """Places of messages that are or may be out, whose contacts no longer hold them."""

    @property
    def reserved(self) -> int:
        """Places of today's limit that are taken."""
        return self.kept + sum(contact.place for contact in self.contacts)

    def at(self, *stages: str) -> list[Contact]:
        """The contacts in one of these stages."""
        return [contact for contact in self.contacts if contact.stage in stages]

    def matches(self, contact: Contact) -> bool:
        """Whether the contact has the tags of the automation."""
        return not self.rule.include or bool(self.rule.include & contact.tags)

    def verdict(self, contact: Contact) -> str:
        """Why the contact may not be written to, before the daily limit; the order is design §4."""
        rule, now = self.rule, self.now
        since = contact.replies_count_from
        last = max(contact.wrote, contact.wrote if contact.sent_at is None else contact.sent_at)
        wrong = {
            "rule_disabled": not rule.enabled,
            "page_unavailable": self.is_paused,
            "opted_out": contact.opted_out,
            "stopped": contact.stopped,
            "excluded_tag": bool(rule.exclude & contact.tags),
            "missing_tag": not self.matches(contact),
            "replied": rule.stop_on_reply and since is not None and contact.wrote > since,
            "max_follow_ups_reached": contact.follow_ups >= rule.max_follow_ups,
            "waiting": last + rule.wait_minutes * 60 > now,
            "window_closed": contact.wrote + 24 * HOUR <= now,
            "outside_active_hours": not rule.is_open,
        }
        return next((reason for reason, is_so in wrong.items() if is_so), "ok")

    def eligibility(self, contacts: list[Contact]) -> dict[Contact, str]:
        """The same, with the daily limit: whose window closes first goes first."""
        found = {contact: self.verdict(contact) for contact in contacts}
        room = self.rule.daily_limit - self.reserved
        waiting = [c for c in contacts if found[c] == "ok" and not c.place]
        for contact in sorted(waiting, key=lambda c: (c.wrote, c.id))[max(room, 0) :]:
            found[contact] = "daily_limit_reached"
        return found

    def verdicts(self, contacts: list[Contact]) -> dict[Contact, str]:
        """What becomes of contacts in a worker's hands: nobody gets one follow-up twice."""
        found = self.eligibility(contacts)
        return {c: "already_sent" if c.may_be_out else reason for c, reason in found.items()}

    def move(self, contact: Contact, to: str) -> None:
        """The contact changes its stage; the run counts how it left the flight, or came back."""
        run = self.runs[contact.run_id] if contact.run_id else None
        leaves, returns = contact.stage in IN_FLIGHT, to in IN_FLIGHT
        if run and contact.stage and leaves != returns:
            run.count(to if leaves else contact.stage, 1 if leaves else -1)
        if run and to == "sent" and contact.stage in ("failed", "skipped"):
            run.count(contact.stage, -1)
            run.count("sent", 1)
        contact.stage, contact.entered = to, self.now
        contact.history.append(to)
        if to not in HELD:
            contact.token, contact.lease_is_over = None, False

    def skip(self, contact: Contact, reason: str) -> None:
        """Not this time; the place in the limit is free again."""
        self.move(contact, "skipped")
        contact.reason, contact.place = reason, False
        contact.next_check = self.now + HOUR if reason in TIME_CURES else None

    def queue(self, contact: Contact, run_id: UUID | None) -> None:
        """The contact begins anew, in a run if one is said; what may be out keeps counting."""
        self.kept += contact.place
        contact.place, contact.approved, contact.lost = False, False, 0
        contact.queued, contact.is_due, contact.next_check = self.now, True, None
        if contact.sent_at is None:
            contact.began = self.now
        contact.reason = None
        if run_id:
            contact.max_follow_ups = self.rule.max_follow_ups
        if run_id and run_id != contact.run_id:
            contact.run_id = run_id
            contact.stage = contact.stage and "queued"
            self.runs[run_id].total += 1
        self.move(contact, "queued")

    def complete(self, contact: Contact, reason: str) -> None:
        """The sequence is over; a place in the limit stays taken."""
        self.move(contact, "completed")
        contact.reason, contact.next_check = reason, None

    def forget(self, contact: Contact) -> None:
        """The contact is deleted, and with it what it held, unless a message is or may be out."""
        self.contacts.remove(contact)
        if contact.stage in IN_FLIGHT and contact.run_id:
            self.runs[contact.run_id].total -= 1
        self.kept += contact.place and contact.stage not in IN_FLIGHT[:5]
