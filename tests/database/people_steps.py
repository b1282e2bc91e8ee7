"""This file is where a random history has people in it: the owner, contacts, and the schedule."""

from collections import Counter

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.builders import ago
from tests.database.acting import change
from tests.database.machine import Automation, acts, picks
from tests.database.model import HOUR, IN_FLIGHT, Contact

TAGS = [("class",), ("class",), ("class",), ("class", "vip"), ("other",)]
WAITING_STAGES = ("queued", "eligible", "ready_to_send")
ELSEWHEN = {"run_24_7": False, "active_from": "02:00", "active_until": "03:00"}
EDITS = st.sampled_from(
    [
        ("daily_limit", 3),
        ("daily_limit", 12),
        ("daily_limit", 12),
        ("max_follow_ups", 1),
        ("max_follow_ups", 3),
        ("include", frozenset({"class"})),
        ("include", frozenset({"class", "other"})),
        ("include", frozenset()),
        ("exclude", frozenset({"vip"})),
        ("exclude", frozenset()),
        ("wait_minutes", 0),
        ("wait_minutes", 0),
        ("wait_minutes", 720),
        ("is_open", False),
        ("is_open", True),
        ("is_open", True),
        ("review", True),
        ("review", False),
        ("stop_on_reply", False),
        ("stop_on_reply", True),
    ]
)
TAGS_OF = ("include", "exclude")
COLUMNS = {"include": "include_tags", "exclude": "exclude_tags", "review": "review_before_send"}


OWNER_ACTS = acts(
    ("the_owner_runs_it",),
    ("the_owner_cancels", picks),
    ("the_owner_retries", picks),
    ("the_owner_retries", picks),
    ("the_owner_reviews", st.integers(0, 30), st.booleans()),
    ("the_owner_edits", EDITS),
    ("the_owner_edits", EDITS),
    ("the_owner_switches", st.sampled_from([True, True, False])),
    ("the_owner_tags", picks, st.sampled_from(TAGS)),
    ("the_owner_deletes", st.integers(0, 30)),
    ("the_owner_asks_who_would_be_written_to",),
)
CONTACT_ACTS = acts(
    (
        "somebody_writes",
        st.sampled_from([2, 2, 9, 20, 30]),
        st.sampled_from(TAGS),
        st.sampled_from([False, False, False, True]),
    ),
    ("somebody_replies", picks),
    ("somebody_says_stop_or_start", st.integers(0, 30), st.booleans()),
)


class PeopleSteps(Automation):
    """Runs, edits, retries, cancels, reviews, replies, opt-outs, deletions."""

    @initialize()
    def there_are_contacts(self) -> None:
        for number in range(12):
            self.somebody_writes([2, 2, 9, 20, 30][number % 5], TAGS[number % 4], False)
        self.the_owner_runs_it()

    def somebody_writes(self, hours: int, tags: tuple[str, ...], opted_out: bool) -> None:
        model = self.model
        model.now += 1
        row = self.world.contact(
            self.page,
            # Later contacts wrote a second later, so that no two are alike.
            last_inbound_at=ago(hours=hours, seconds=-model.now),
            tags=list(tags),
            opted_out_at=ago(days=1) if opted_out else None,
        )
        wrote = model.now - hours * HOUR
        model.contacts.append(Contact(row["id"], wrote, frozenset(tags), opted_out, model.now))

    def the_owner_runs_it(self) -> None:
        if self.model.rule.enabled:
            answer = self.owner_calls("request_run", p_rule_id=self.rule["id"])
            self.queued(answer["run_id"], answer["queued"], lambda _: True)
        else:
            with pytest.raises(psycopg.errors.RaiseException, match="switched off"):
                self.owner_calls("request_run", p_rule_id=self.rule["id"])

    def the_owner_cancels(self, indexes: list[int]) -> None:
        chosen = self.picked(indexes, self.known())
        answer = self.owner_calls("cancel_contacts", p_state_ids=self.ids_of(chosen))
        stopped = [c for c in chosen if c.stage in IN_FLIGHT and c.stage != "sending"]
        assert (answer["changed"], answer["unchanged"]) == (
            len(stopped),
            len(chosen) - len(stopped) + 1,
        )
        for contact in stopped:
            contact.stopped, contact.next_check = True, None
            if contact.stage in WAITING_STAGES:
                self.model.skip(contact, "cancelled")
            contact.reason = "cancelled"

    def the_owner_retries(self, indexes: list[int]) -> None:
        chosen = self.picked(indexes, self.known())
        answer = self.owner_calls("retry_contacts", p_state_ids=self.ids_of(chosen))
        again = [c for c in chosen if c.stage in ("failed", "skipped")]
        assert answer["changed"] == len(again)
        for contact in again:
            for attempt in contact.tries:
                # That it may arrive twice is the person's decision.
                if contact.stage == "failed" and attempt.outcome == "unknown":
                    attempt.outcome = "abandoned"
            contact.stopped = False
            self.model.queue(contact, None)

    def the_owner_reviews(self, index: int, is_good: bool) -> None:
        for contact in self.picked([index], self.model.at("ready_to_send") or self.known()):
            function = "approve_message" if is_good else "reject_message"
            if contact.stage != "ready_to_send":
                with pytest.raises(psycopg.Error, match="no longer waiting"):
                    self.owner_calls(function, p_state_id=contact.state_id)
            elif is_good:
                told = self.owner_calls(function, p_state_id=contact.state_id)
                reason = self.model.verdicts([contact])[contact]
                # Who only waits for the page is approved, and asked again when it no longer rests.
                assert told["approved"] == (reason in ("ok", "page_unavailable"))
                assert told.get("reason_code", "ok") == reason
                if told["approved"]:
                    contact.approved, contact.is_due = True, True
            else:
                self.owner_calls(function, p_state_id=contact.state_id)
                self.model.skip(contact, "rejected")

    def the_owner_edits(self, edit: tuple[str, object]) -> None:
        name, value = edit
        self.model.now += 1
        setattr(self.model.rule, name, value)
        self.model.rule.changed = self.model.now
        columns = {COLUMNS.get(name, name): sorted(value) if name in TAGS_OF else value}
        if name == "is_open":
            columns = {"run_24_7": True} if value else ELSEWHEN
        change(self.world, "ai_automation_rules", self.rule, **columns)

    def the_owner_switches(self, is_on: bool) -> None:
        self.owner_calls("set_rule_enabled", p_rule_id=self.rule["id"], p_enabled=is_on)
        self.model.rule.enabled, self.model.rule.changed = is_on, self.model.now

    def the_owner_asks_who_would_be_written_to(self) -> None:
        said = self.owner_calls("dry_run", p_rule_id=self.rule["id"])
        rule, enabled = self.model.rule, self.model.rule.enabled
        rule.enabled = True
        expected = Counter(self.model.eligibility(self.model.contacts).values())
        rule.enabled = enabled
        assert {row["reason_code"]: row["contacts"] for row in said["reasons"]} == expected
        assert (said["would_send"], said["contacts"]) == (expected["ok"], expected.total())
        assert said["enabled"] == enabled

    def somebody_replies(self, indexes: list[int]) -> None:
        for contact in self.picked(indexes, self.model.contacts):
            self.set("update public.contacts set last_inbound_at = now() where id = %s", contact.id)
            contact.wrote = contact.changed = self.model.now
            if contact.stage == "sent" and self.model.rule.stop_on_reply:
                self.model.complete(contact, "replied")

    def somebody_says_stop_or_start(self, index: int, is_out: bool) -> None:
        for contact in self.picked([index], self.model.contacts):
            self.set(
                "update public.contacts set opted_out_at = case when %s then now() end"
                " where id = %s and (opted_out_at is not null) <> %s",
                *(is_out, contact.id, is_out),
            )
            if contact.opted_out != is_out:
                contact.opted_out, contact.changed = is_out, self.model.now
                if is_out and contact.stage == "sent":
                    self.model.complete(contact, "opted_out")

    def the_owner_tags(self, indexes: list[int], tags: tuple[str, ...]) -> None:
        for contact in self.picked(indexes, self.model.contacts):
            self.set("update public.contacts set tags = %s where id = %s", list(tags), contact.id)
            if contact.tags != frozenset(tags):
                contact.tags, contact.changed = frozenset(tags), self.model.now

    def the_owner_deletes(self, index: int) -> None:
        delete = "delete from public.contacts where id = %s"
        for contact in self.picked([index], self.model.contacts):
            if contact.stage == "sending" and contact.token and not contact.lease_is_over:
                with pytest.raises(psycopg.Error, match="being handed to Facebook"):
                    self.set(delete, contact.id)
                continue
            self.set(delete, contact.id)
            self.truth.forget(contact)
            self.model.forget(contact)

    def ids_of(self, contacts: list[Contact]) -> list[int]:
        """The ids of their states, and one that nobody has."""
        return [0, *(contact.state_id for contact in contacts)]
