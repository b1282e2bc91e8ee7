"""This file is where browser tests get a real Chromium, and people who are signed in."""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.builders import Row, World, ago
from tests.running import PATIENCE, Stack

ARTIFACTS = Path(__file__).parent.parent / ".artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Nothing but the pages under test may talk to the network, and a container has no user namespaces.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WAIT_MS = PATIENCE * 1000
# A machine may be busy with something else; what never comes is told as surely after a while.
expect.set_options(timeout=WAIT_MS)


@dataclass
class Visit:
    """One browser window, and everything in it that a test of a page must not overlook."""

    stack: Stack
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Goes to `path` of the dashboard."""
        self.page.goto(self.stack.dashboard_url + path)
        return self.page

    def sign_in(self, email: str, password: str) -> Page:
        """Fills in the form and sends it."""
        self.page.fill("#login-email", email)
        self.page.fill("#login-password", password)
        self.page.click("#login-submit")
        return self.page

    def monitor_of(self, name: str) -> str:
        """The path of an automation's monitor, found as a person would: on its card."""
        self.open("/")
        card = self.page.locator("[data-rule-id]").filter(has_text=name)
        return f"/automations/{card.get_attribute('data-rule-id')}/monitor"

    def open_monitor(self, path: str) -> Page:
        """Goes to a monitor; its first numbers are drawn, so later ones can be compared."""
        page = self.open(path)
        expect(page.locator("#sum-line")).not_to_be_empty()
        return page

    def picture(self, name: str) -> None:
        """Keeps what is seen in tests/.artifacts."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)

    def expect_complaint(self, text: str) -> None:
        """Takes note of complaints that belong to the test, such as a page that answers 404."""
        assert any(text in complaint for complaint in self.complaints), self.complaints
        self.complaints = [each for each in self.complaints if text not in each]

    def listen(self) -> None:
        """Collects errors of the console, of scripts and of the network, and every address."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def foreign(self) -> list[str]:
        """Addresses of other hosts."""
        ours = urlsplit(self.stack.dashboard_url).netloc
        return [
            address
            for address in self.requested
            if not address.startswith(("data:", "blob:")) and urlsplit(address).netloc != ours
        ]


Visiting = Callable[..., Visit]


def find_chromium() -> str:
    """The machine's own browser."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("needs Chromium: install it, for example apt-get install chromium")
    return found


# Not for the session: while Playwright runs, no other test of this thread may run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, stack: Stack, **options: Any) -> Iterator[Visit]:
    """A window that must have ended without complaints and without asking another host."""
    plausible = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**{**plausible, **options})
    context.set_default_timeout(WAIT_MS)
    visit = Visit(stack, context, context.new_page())
    visit.listen()
    try:
        yield visit
        assert visit.complaints == []
        assert visit.foreign() == []
    finally:
        context.close()


@pytest.fixture(scope="session")
def demo_session(stack: Stack) -> Any:
    """The demo account's cookie as a browser keeps it; its sign-in happens once."""
    return session_of(stack, stack.demo_email, stack.demo_password)


def session_of(stack: Stack, email: str, password: str) -> Any:
    """What a browser keeps after signing in."""
    form = {"email": email, "password": password}
    answer = httpx.post(f"{stack.dashboard_url}/login", data=form, trust_env=False)
    name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
    return {"cookies": [{"name": name, "value": value, "url": stack.dashboard_url}]}


@pytest.fixture
def stranger(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """Somebody who has not signed in."""
    with visiting(browser, stack) as visit:
        yield visit


@pytest.fixture
def demo(browser: Browser, stack: Stack, demo_session: Any) -> Iterator[Visit]:
    """The demo account, signed in, on a desk."""
    with visiting(browser, stack, storage_state=demo_session) as visit:
        yield visit


@pytest.fixture
def phone(browser: Browser, stack: Stack, demo_session: Any) -> Iterator[Visit]:
    """The demo account on a screen of 320 pixels, at night."""
    small = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    with visiting(browser, stack, storage_state=demo_session, **small) as visit:
        yield visit


@pytest.fixture
def people(stack: Stack) -> Iterator[World]:
    """Arranges rows in the running stack."""
    arranged = World(stack.database_url)
    yield arranged
    arranged.close()


def number(text: str | None) -> int:
    """The first number of what stands on the screen."""
    found = re.search(r"[\d,]+", text or "")
    assert found, f"no number in {text!r}"
    return int(found[0].replace(",", ""))


def waiting_in(people: World, automation: str, name: str) -> None:
    """A contact of the demo account's `automation` whose message is due in two hours."""
    rule = people.rows(
        "select * from public.ai_automation_rules where starts_with(name, %s)", automation
    )[0]
    page = people.rows("select * from public.facebook_pages where id = %s", rule["page_id"])[0]
    waiting(people, rule, people.contact(page, sender_name=name, sender_id=secrets.token_hex(8)))


def waiting(people: World, rule: Row, contact: Row) -> Row:
    """The state of a contact whose message is due in two hours, so that nothing moves it."""
    return people.insert(
        "public.ai_automation_contact_states",
        user_id=rule["user_id"],
        rule_id=rule["id"],
        contact_id=contact["id"],
        current_stage="ready_to_send",
        generated_message="Shall I keep a place?",
        next_send_at=ago(hours=-2),
        due_at=ago(hours=-2),
        max_follow_ups=3,
    )
