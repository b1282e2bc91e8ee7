"""This file is where browser tests arrange an automation of the demo account to watch."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.builders import Row, World, ago
from tests.pages.conftest import waiting
from tests.running import Stack


@dataclass
class Automation:
    """A rule whose contacts nothing moves but the test, and what a person types to find it."""

    people: World
    page: Row
    rule: Row

    @property
    def path(self) -> str:
        return f"/automations/{self.rule['id']}/monitor"

    def contact(self, name: str) -> Row:
        return self.people.contact(self.page, sender_name=name, sender_id=secrets.token_hex(8))

    def waiting(self, name: str) -> Row:
        """A contact whose message is due in two hours."""
        return waiting(self.people, self.rule, self.contact(name))

    def failed(self, name: str, code: str = "not_accepted", cause: str = "Not accepted.") -> Row:
        """A contact that failed for this cause."""
        return self.people.insert(
            "public.ai_automation_contact_states",
            user_id=self.rule["user_id"],
            rule_id=self.rule["id"],
            contact_id=self.contact(name)["id"],
            current_stage="failed",
            error_code=code,
            error_message=cause,
            error_hint="Look at it.",
        )

    def change(self, state: Row, assignments: str, *values: Any) -> None:
        """As a worker would, behind the page's back: `change(state, "attempt = %s", 2)`."""
        self.people.rows(
            f"update public.ai_automation_contact_states set {assignments}"  # noqa: S608
            " where id = %s returning id",
            *values,
            state["id"],
        )

    def state(self, state: Row) -> Row:
        [row] = self.people.rows(
            "select * from public.ai_automation_contact_states where id = %s", state["id"]
        )
        return row


Watch = Callable[..., Automation]


@pytest.fixture
def watch(people: World, stack: Stack) -> Iterator[Watch]:
    """Adds an automation to the demo account, for one test: `watch(review_before_send=True)`."""
    added: list[Row] = []

    def add(**values: Any) -> Automation:
        [page] = people.rows(
            "select p.* from public.facebook_pages as p inner join auth.users as u"
            " on u.id = p.user_id where u.email = 'demo@example.com' order by p.name limit 1"
        )
        named = {"name": f"Watched {secrets.token_hex(4)}", "max_follow_ups": 3, **values}
        added.append(people.rule(page, **named))
        return Automation(people, page, added[-1])

    yield add
    after = World(stack.database_url)  # the test may have ended the other's connection
    for rule in added:
        after.rows(
            "update public.ai_automation_rules set enabled = false, deleted_at = now()"
            " where id = %s returning id",
            rule["id"],
        )
    after.close()


__all__ = ["Automation", "Watch", "ago", "watch"]
