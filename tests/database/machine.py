"""This file is where an automation and its model are set up beside each other, and compared."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.builders import World
from tests.database.acting import Worker, call, call_as
from tests.database.model import Contact, Model, Run
from tests.database.results import Hand
from tests.database.truth import Truth

Act = tuple[Any, ...]
picks = st.lists(st.integers(0, 30), min_size=1, max_size=5)


def acts(*named: Act) -> st.SearchStrategy[Act]:
    """One of these: a method and what to draw for it."""
    return st.one_of(*(st.tuples(st.just(name), *drawn) for name, *drawn in named))


class Automation(RuleBasedStateMachine):
    """One automation with two workers; what each step does, the model does too."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.held: list[Hand] = []
        self.page = self.world.page(self.world.user(), sends_per_minute=2400)
        self.owner = {"id": self.page["user_id"]}
        # It is about noon there, so that no day ends in the middle of a history.
        zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
        self.rule = self.world.rule(
            self.page,
            time_zone=zone,
            include_tags=["class"],
            daily_limit=self.model.rule.daily_limit,
            max_follow_ups=self.model.rule.max_follow_ups,
        )
        self.truth = Truth(self.world, self.rule)
        self.workers = [Worker(self.world.connection, name) for name in ("worker-1", "worker-2")]
        for worker in self.workers:
            worker.has_worked_for(minutes=60)

    def teardown(self) -> None:
        """Nothing is left for the claims of the next history to find."""
        self.world.rows(
            "update public.ai_automation_contact_states set lease_expires_at = now()"
            " where lease_expires_at > now() returning 1"
        )
        self.world.rows("delete from auth.users where id = %s returning 1", self.owner["id"])

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        self.truth.check(self.model)

    def picked(self, indexes: list[int], among: list[Contact]) -> list[Contact]:
        """Some of the contacts, by number, each once."""
        return list(dict.fromkeys(among[index % len(among)] for index in indexes if among))

    def known(self) -> list[Contact]:
        """The contacts that have a state."""
        return [contact for contact in self.model.contacts if contact.stage]

    def call(self, function: str, **arguments: object) -> Any:
        """The one value that a function answers to a worker; a second later than all before."""
        self.model.now += 1
        [answer] = call(self.world.connection, function, **arguments)
        return answer[function]

    def owner_calls(self, function: str, **arguments: object) -> Any:
        """The same for the owner."""
        self.model.now += 1
        return call_as(self.world, self.owner, function, **arguments)

    def set(self, query: str, *values: object) -> None:
        """Changes rows behind everybody's back."""
        self.model.now += 1
        self.world.connection.execute(query.encode(), values)

    def queued(
        self, run_id: str | UUID | None, queued: int, if_skipped: Callable[[Contact], bool]
    ) -> None:
        """Whom a run takes: the new, those whose time has come, and some of the skipped."""
        model = self.model
        chosen = [
            contact
            for contact in model.contacts
            if model.matches(contact) and self.is_taken(contact, if_skipped)
        ]
        assert queued == len(chosen)
        if run_id is None:
            assert not chosen
            return
        run_id = UUID(str(run_id))
        model.runs[run_id] = Run(0)
        for contact in chosen:
            model.queue(contact, run_id)
        ids = self.truth.state_ids()
        for contact in chosen:
            contact.state_id = ids[contact.id]

    def is_taken(self, contact: Contact, if_skipped: Callable[[Contact], bool]) -> bool:
        """Whether a run takes the contact, if it has the tags."""
        comes_back = contact.stage in ("sent", "skipped") and contact.next_check is not None
        if comes_back and contact.next_check <= self.model.now:
            return True
        return not contact.stage or (contact.stage == "skipped" and if_skipped(contact))
