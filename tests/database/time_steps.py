"""This file is where a random history has time in it: the schedule, leases, and what falls due."""

from hypothesis import strategies as st

from tests.builders import ago
from tests.database.acting import change
from tests.database.machine import Automation, acts, picks
from tests.database.model import HOUR, OVER, Run

TIME_ACTS = acts(
    ("the_schedule_runs_it", picks),
    ("what_is_due_comes_by_itself", picks),
    ("facebook_asks_to_wait", st.sampled_from([True, False, False])),
    ("a_day_passes_without_an_answer", picks),
    ("sequences_end",),
    ("windows_are_looked_at",),
    ("leases_run_out", picks),
    ("contacts_are_taken_back",),
    ("time_passes",),
    ("the_database_is_kept_in_order",),
)


class TimeSteps(Automation):
    """Nobody does anything here but the clock."""

    def the_schedule_runs_it(self, indexes: list[int]) -> None:
        """Whose next check has come, some of them before their time."""
        model = self.model
        self.checks_fall_due(indexes)
        change(self.world, "ai_automation_rules", self.rule, next_run_at=ago(hours=1))
        answer = self.call("enqueue_due_contacts")
        assert answer["rules"] == int(model.rule.enabled)
        if model.rule.enabled:
            [run_id] = self.truth.runs() - model.runs.keys() or {None}
            self.queued(
                run_id, answer["queued"], lambda c: max(c.changed, model.rule.changed) > c.entered
            )

    def checks_fall_due(self, indexes: list[int]) -> None:
        waiting = [c for c in self.known() if c.next_check is not None]
        for contact in self.picked(indexes, waiting):
            state = {"id": contact.state_id}
            change(self.world, "ai_automation_contact_states", state, next_check_at=ago())
            contact.next_check = self.model.now

    def what_is_due_comes_by_itself(self, indexes: list[int]) -> None:
        """Between two runs, whatever tags the contact has now: the rules judge that."""
        model = self.model
        self.checks_fall_due(indexes)
        change(self.world, "ai_automation_rules", self.rule, next_run_at=ago(hours=-1))
        due = [
            c
            for c in self.known()
            if model.rule.enabled and c.next_check is not None and c.next_check <= model.now
        ]
        answer = self.call("enqueue_due_contacts")
        assert answer == {"rules": int(bool(due)), "queued": len(due)}
        for run_id in self.truth.runs() - model.runs.keys():
            model.runs[run_id] = Run(0)
        for contact in due:
            model.queue(contact, self.truth.follow_up_run())

    def facebook_asks_to_wait(self, is_paused: bool) -> None:
        until = ago(hours=-1) if is_paused else None
        # A message from before the setback that goes through does not end the pause.
        change(self.world, "facebook_pages", self.page, paused_until=until, setback_at=until)
        self.model.is_paused = is_paused

    def a_day_passes_without_an_answer(self, indexes: list[int]) -> None:
        for contact in self.picked(indexes, self.model.at("sent")):
            self.set(
                "with spoken as (update public.contacts"
                " set last_outbound_at = now() - interval '25 hours' where id = %s)"
                " update public.ai_automation_contact_states"
                " set last_sent_at = now() - interval '25 hours' where id = %s",
                *(contact.id, contact.state_id),
            )
            contact.sent_at = self.model.now - 25 * HOUR

    def sequences_end(self) -> None:
        completed = self.call("complete_finished_sequences")
        ended = [c for c in self.model.at("skipped") if c.reason in OVER]
        ended += [
            c
            for c in self.model.at("sent")
            if c.follow_ups >= c.max_follow_ups and c.sent_at < self.model.now - 24 * HOUR
        ]
        assert completed == len(ended)
        for contact in ended:
            self.model.complete(contact, contact.reason or "max_follow_ups_reached")

    def windows_are_looked_at(self) -> None:
        """Whoever waits, for whatever, waits no longer than until then."""
        skipped = self.call("skip_closed_windows")
        waiting = self.model.at("queued", "eligible", "ready_to_send")
        closed = [c for c in waiting if c.wrote + 24 * HOUR <= self.model.now]
        assert skipped == len(closed)
        for contact in closed:
            self.model.skip(contact, "window_closed")

    def leases_run_out(self, indexes: list[int]) -> None:
        held = [c for c in self.known() if c.token]
        for contact in self.picked(indexes, held):
            contact.lease_is_over = True
            self.set(
                "update public.ai_automation_contact_states"
                " set lease_expires_at = now() - interval '1 second' where id = %s",
                contact.state_id,
            )

    def contacts_are_taken_back(self) -> None:
        over = [c for c in self.model.at("checking", "generating") if c.lease_is_over]
        assert self.call("reclaim_expired_leases")["reclaimed"] == len(over)
        for contact in over:
            is_written_to = contact.stage == "generating"
            is_given_up = is_written_to and contact.lost >= 2
            back_to = "queued" if contact.stage == "checking" else "eligible"
            self.model.move(contact, "failed" if is_given_up else back_to)
            contact.place = contact.place and not is_given_up
            contact.lost += is_written_to
            # The last turn comes after a while; a storm of deaths is over then.
            contact.is_due = not (is_written_to and contact.lost == 2)

    def time_passes(self) -> None:
        self.set(
            "update public.ai_automation_contact_states set due_at = now()"
            " where rule_id = %s and due_at > now()",
            self.rule["id"],
        )
        for contact in self.known():
            contact.is_due = True

    def the_database_is_kept_in_order(self) -> None:
        self.call("maintain")
