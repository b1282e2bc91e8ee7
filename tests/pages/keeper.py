"""This file is where tests get somebody who keeps automations of their own, apart from the demo."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator

from tests.builders import PASSWORD, Row, World, ago
from tests.pages.conftest import Visit, session_of, visiting
from tests.running import Stack


@dataclass
class Keeper:
    """A person with one page and three contacts, and their window."""

    visit: Visit
    world: World
    person: Row
    page: Row

    def rule(self, **values: Any) -> Row:
        """An automation, off unless the test says otherwise, so that no worker touches it."""
        return self.world.rule(self.page, **{"enabled": False, **values})

    def contact(self, **values: Any) -> Row:
        """One more contact of the page."""
        return self.world.contact(
            self.page,
            **{"sender_id": secrets.token_hex(8), "last_inbound_at": ago(hours=2), **values},
        )

    def state_of(self, rule: Row, contact: Row) -> Row:
        """Where the contact stands in the automation; at first it has completed it."""
        owned = {"user_id": rule["user_id"], "rule_id": rule["id"], "contact_id": contact["id"]}
        states = self.world.rows(
            "select * from public.ai_automation_contact_states where rule_id = %s"
            " and contact_id = %s",
            *(rule["id"], contact["id"]),
        )
        completed = {"current_stage": "completed", "due_at": ago(days=-9)}
        return (
            states[0]
            if states
            else self.world.insert("public.ai_automation_contact_states", **owned, **completed)
        )

    def card(self, rule: Row) -> Locator:
        """The card of an automation on the list."""
        return self.visit.page.locator(f"[data-rule-id='{rule['id']}']")

    def stored(self, rule: Row) -> Row:
        """The automation as it is in the database now; empty when it is gone."""
        rows = self.world.rows("select * from public.ai_automation_rules where id = %s", rule["id"])
        return rows[0] if rows else {}


@contextmanager
def keeping(
    browser: Browser, stack: Stack, world: World, contacts: int = 3, **options: Any
) -> Iterator[Keeper]:
    """A new person, signed in."""
    person = world.user(f"{secrets.token_hex(6)}@example.com")
    page = world.page(person, facebook_page_id=secrets.token_hex(6), name="Corner Bakery")
    session = session_of(stack, str(person["email"]), PASSWORD)
    with visiting(browser, stack, storage_state=session, **options) as visit:
        keeper = Keeper(visit, world, person, page)
        for number in range(contacts):
            keeper.contact(sender_name=f"Person {number + 1}")
        yield keeper
