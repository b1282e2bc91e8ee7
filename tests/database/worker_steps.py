"""This file is where a random history has two workers in it, who take contacts up and may die."""

import uuid
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.builders import Row
from tests.database.acting import call
from tests.database.machine import Automation, acts, picks
from tests.database.model import Contact, Try
from tests.database.results import ENDS, Hand, as_outcome, prove, take_down

EVERYBODY = 50


@dataclass(frozen=True)
class Turn:
    """How a worker's turn goes: which one, how many at most, whether it dies, how each ends."""

    which: int
    stage: int
    limit: int
    dies: bool
    ends: list[int | None]
    """By number in ENDS; None is told later, perhaps too late."""


turns = st.builds(
    Turn,
    which=st.integers(0, 1),
    stage=st.integers(0, 11),
    limit=st.integers(1, 8).map(lambda few: 9 - few),
    dies=st.sampled_from([False] * 7 + [True]),
    ends=st.lists(st.sampled_from([0] * 8 + [1, 2, 3, 4, 5, 6, None]), min_size=5, max_size=5),
)


WORKER_ACTS = acts(
    ("workers_take_turns", st.lists(turns, min_size=1, max_size=7)),
    ("workers_take_turns", st.lists(turns, min_size=3, max_size=7)),
    ("results_come_late", picks, turns),
    ("a_worker_is_told_that_it_was_too_slow", turns, turns),
    ("a_result_is_told_twice", st.integers(0, 30), st.integers(0, 5)),
)


class WorkerSteps(Automation):
    """Claims, decisions, results, and leases that run out."""

    def workers_take_turns(self, turns: list[Turn]) -> None:
        for number, turn in enumerate(turns):
            if number:
                self.truth.check(self.model)
            work = {
                "queued": self.a_worker_checks,
                "eligible": self.a_worker_writes,
                "ready_to_send": self.a_worker_sends,
                "sending": self.a_worker_settles,
            }
            stages = [stage for stage in work if self.model.at(stage)] or list(work)
            work[stages[turn.stage % len(stages)]](turn)

    def a_worker_checks(self, turn: Turn) -> None:
        waiting = [] if self.model.is_paused else self.model.at("queued")
        jobs = self.claim(turn, "queued", turn.limit)
        assert len(jobs) == min(turn.limit, len(waiting))
        assert {self.contact_of(job) for job in jobs} <= set(waiting)
        self.finish([self.take(self.contact_of(job), job, turn) for job in jobs], turn)

    def a_worker_writes(self, turn: Turn) -> None:
        waiting, limit = self.who_may_be_written_to(turn)
        jobs = self.claim(turn, "eligible", turn.limit)
        self.finish(self.hand_out(waiting, jobs, limit, turn), turn)

    def who_may_be_written_to(self, turn: Turn) -> tuple[list[Contact], int]:
        """Whom a worker was lost with comes first, and apart from others."""
        waiting = [] if self.model.is_paused else self.due("eligible")
        in_hand = self.being_written_to_by(turn)
        least = min((contact.lost for contact in waiting if contact.lost), default=0)
        if any(contact.lost for contact in in_hand) or (least and in_hand):
            return [], turn.limit
        if not least:
            return waiting, turn.limit
        suspects = [contact for contact in waiting if contact.lost == least]
        return suspects, max(turn.limit // 4, 1) if least == 1 else 1

    def being_written_to_by(self, turn: Turn) -> list[Contact]:
        return [
            c for c in self.model.at("generating") if c.holder == turn.which and not c.lease_is_over
        ]

    def does_nothing_else(self, turn: Turn) -> bool:
        """Beside a contact that ended two workers nothing is sent or settled."""
        return any(contact.lost >= 2 for contact in self.being_written_to_by(turn))

    def a_worker_sends(self, turn: Turn) -> None:
        model = self.model
        if self.does_nothing_else(turn):
            assert self.claim(turn, "ready_to_send", EVERYBODY) == []
            return
        ready = self.due("ready_to_send")
        unread = [c for c in ready if model.rule.review and not c.approved]
        waiting = [] if model.is_paused else [c for c in ready if c not in unread]
        jobs = self.claim(turn, "ready_to_send", EVERYBODY)
        hands = self.hand_out(waiting, jobs, EVERYBODY, turn)
        # A message that waits for a person is looked at again, once a minute.
        for contact, reason in model.verdicts([] if model.is_paused else unread).items():
            if reason == "ok":
                contact.is_due = False
            else:
                model.skip(contact, reason)
        self.finish(hands, turn)

    def a_worker_settles(self, turn: Turn) -> None:
        lost = self.who_may_be_looked_for(turn)
        jobs = self.claim(turn, "sending", EVERYBODY)
        assert {job["state_id"] for job in jobs} == {contact.state_id for contact in lost}
        self.finish([self.take(self.contact_of(job), job, turn) for job in jobs], turn)

    def who_may_be_looked_for(self, turn: Turn) -> list[Contact]:
        """Who ended two workers is looked for alone, after the others; who ended three never."""
        sending = self.model.at("sending")
        held = [c for c in sending if c.holder == turn.which and not c.lease_is_over]
        if self.does_nothing_else(turn) or any(contact.lost >= 2 for contact in held):
            return []
        left = []
        for contact in (c for c in sending if c.lease_is_over):
            contact.lost, contact.token = contact.lost + bool(contact.token), None
            if contact.lost < 3:
                left.append(contact)
                continue
            if contact.open_try:
                contact.open_try.outcome = "unknown"
            self.model.move(contact, "failed")
        left.sort(key=lambda contact: (contact.lost, contact.state_id))
        return [c for place, c in enumerate(left) if c.lost < 2 or place == 0]

    def results_come_late(self, indexes: list[int], turn: Turn) -> None:
        if not self.held:
            self.an_echo_takes_a_refusal_back(indexes[0])
        hands = [self.held.pop(index % len(self.held)) for index in indexes if self.held]
        self.finish(hands, turn)

    def a_worker_is_told_that_it_was_too_slow(self, slow: Turn, quick: Turn) -> None:
        """Another one took its contacts over, and neither knows of the other."""
        held = replace(slow, ends=[None], dies=True)
        self.workers_take_turns([held])
        late, self.held = self.held, []
        self.contacts_are_taken_back()
        self.workers_take_turns([replace(quick, stage=slow.stage, ends=[None], dies=False)])
        self.finish(late, replace(slow, dies=False))

    def an_echo_takes_a_refusal_back(self, index: int) -> None:
        """What was refused has arrived, whatever has become of the contact since."""
        refused = ("retry", "failed", "abandoned")
        found = [(c, t) for c in self.known() for t in c.tries if t.outcome in refused]
        if not found:
            return
        contact, attempt = found[index % len(found)]
        self.model.now += 1
        call(
            self.world.connection,
            "settle_by_echoes",
            p_page_id=self.page["id"],
            p_told=self.truth.echo_of(contact, contact.tries.index(attempt)),
        )
        prove(self.model, contact, attempt)

    def a_result_is_told_twice(self, index: int, end: int) -> None:
        if self.held:
            hand = self.held[index % len(self.held)]
            self.record([(hand, end), (hand, end)])

    def due(self, stage: str) -> list[Contact]:
        """Who waits in `stage` and may be taken up now."""
        return [contact for contact in self.model.at(stage) if contact.is_due]

    def contact_of(self, job: Row) -> Contact:
        """Whom the job is about."""
        [contact] = [c for c in self.known() if c.state_id == job["state_id"]]
        return contact

    def claim(self, turn: Turn, stage: str, limit: int) -> list[Row]:
        """What the worker is handed; if it dies, its leases are over at once."""
        self.model.now += 1
        return self.workers[turn.which].claim(stage, limit, 0 if turn.dies else 30)

    def take(self, contact: Contact, job: Row, turn: Turn) -> Hand:
        """The contact is in the worker's hands."""
        if contact.stage != job["stage"]:
            self.model.move(contact, job["stage"])
            if contact.stage == "sending":
                contact.tries.append(Try(contact.follow_ups + 1, self.model.now))
        contact.token, contact.lease_is_over = job["lease_token"], turn.dies
        contact.holder = turn.which
        return Hand(contact, job, contact.open_try)

    def hand_out(
        self, waiting: list[Contact], jobs: list[Row], limit: int, turn: Turn
    ) -> list[Hand]:
        """As many as asked for were looked at again; who may still be written to is in hand."""
        stages = self.truth.stages()
        looked_at = [c for c in waiting if stages[c.state_id] != c.stage]
        assert len(looked_at) == min(limit, len(waiting))
        handed = {job["state_id"]: job for job in jobs}
        hands = []
        for contact, reason in self.model.verdicts(looked_at).items():
            assert (reason == "ok") == (contact.state_id in handed), reason
            if reason == "ok":
                hands.append(self.take(contact, handed.pop(contact.state_id), turn))
            else:
                self.model.skip(contact, reason)
        assert not handed
        return hands

    def finish(self, hands: list[Hand], turn: Turn) -> None:
        """Some results are told now; who dies tells none, and others are told too late."""
        ends = [None if turn.dies else turn.ends[n % len(turn.ends)] for n in range(len(hands))]
        told = [(h, end) for h, end in zip(hands, ends, strict=True) if end is not None]
        self.held += [hand for hand, end in zip(hands, ends, strict=True) if end is None]
        decided = [hand for hand, end in told if hand.stage == "checking" and end < 5]
        if decided:
            self.decide(decided)
        written = [(hand, end) for hand, end in told if hand not in decided]
        if written:
            self.record(written)

    def decide(self, hands: list[Hand]) -> None:
        """The rules decide about those whom the worker still holds."""
        self.model.now += 1
        answers = self.workers[0].decide([hand.job for hand in hands])
        current = [
            h.contact
            for h in hands
            if h.contact in self.model.contacts and h.contact.token == h.job["lease_token"]
        ]
        decided = {row["state_id"] for row in answers if row["decided"]}
        assert decided == {contact.state_id for contact in current}
        for contact, reason in self.model.verdicts(current).items():
            if reason == "ok":
                self.model.move(contact, "eligible")
                contact.place, contact.is_due, contact.reason = True, True, None
            else:
                self.model.skip(contact, reason)

    def record(self, told: list[tuple[Hand, int]]) -> None:
        """Results of workers who may have lost their contacts meanwhile."""
        ended = [(hand, *ENDS[hand.stage][number % len(ENDS[hand.stage])]) for hand, number in told]
        self.model.now += 1
        answers = self.workers[0].tell(
            [as_outcome(hand, to, said, str(uuid.uuid4())) for hand, to, said in ended]
        )
        expected = [
            (hand.job["state_id"], take_down(self.model, hand, to, said))
            for hand, to, said in ended
        ]
        problems = [(row["state_id"], row["problem"]) for row in answers]
        self.truth.problems.update(row["problem"] for row in answers)
        assert sorted(problems, key=str) == sorted(expected, key=str)
