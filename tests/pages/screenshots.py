"""This file is where docs/screenshots/ is made: `make screenshots`, from a stack of its own."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.builders import World
from tests.pages.conftest import FLAGS, find_chromium, session_of, visiting
from tests.pages.keeper import keeping
from tests.running import ROOT, Stack, start_stack

PICTURES = ROOT / "docs" / "screenshots"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 320, "height": 640}
RULE = "Winback after an hour"
SENT_WITHIN_MS = 90_000


@dataclass
class Shot:
    """One picture: its name, where, in which light, and what is done before it is taken."""

    name: str
    path: str
    act: Callable[[Page], None]
    dark: bool = False
    phone: bool = False


def list_is_there(page: Page) -> None:
    expect(page.locator("[data-rule-id]").first).to_be_visible()


def form_is_there(page: Page) -> None:
    expect(page.locator("#rule-count .big-line")).to_be_visible()


def press(button: str, then: str) -> Callable[[Page], None]:
    """Presses a button of the card, and waits for what comes."""

    def act(page: Page) -> None:
        page.get_by_role("button", name=f"{button}: {RULE}").click()
        expect(page.locator(then).first).to_be_visible()

    return act


def deleted(page: Page) -> None:
    press("Delete", "#ask-yes")(page)
    page.click("#ask-yes")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.mouse.move(0, 0)


def tested(page: Page) -> None:
    form_is_there(page)
    page.click("#test-write")
    expect(page.locator("#test-result .contact-message")).to_be_visible(timeout=SENT_WITHIN_MS)
    page.mouse.move(0, 0)


def refused(page: Page) -> None:
    form_is_there(page)
    page.fill("#rule-daily_limit", "many")
    page.fill("#rule-time_zone", "Berlin")
    page.click("#rule-save")
    expect(page.locator("#error-time_zone")).to_contain_text("Did you mean")
    page.locator("#error-time_zone").scroll_into_view_if_needed()


def hours_are_seen(page: Page) -> None:
    form_is_there(page)
    page.fill("#rule-active_from", "22:00")
    page.fill("#rule-active_until", "06:00")
    page.get_by_label("Sat").click()
    expect(page.locator("#rule-week")).to_contain_text("22:00 to 06:00")
    page.locator("#rule-week").scroll_into_view_if_needed()
    page.mouse.wheel(0, 160)


def monitor_is_live(page: Page) -> None:
    expect(page.locator("#live-indicator")).to_have_attribute("data-state", "live")


def heading_is_there(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def page_is_there(page: Page) -> None:
    expect(page.locator("[data-page] .page-figures strong").first).to_contain_text("1")


def choosing(page: Page) -> None:
    page.click("#pages-connect")
    page.fill("#connect-token", "sandbox-user-token")
    page.click("dialog button[type=submit]")
    expect(page.get_by_role("radio").first).to_be_visible()


def rows_are_there(page: Page) -> None:
    expect(page.locator("tbody tr").first).to_be_visible()


def charts_are_there(page: Page) -> None:
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SENT_WITHIN_MS)


# Address -> when it can be taken.
OTHERS = {
    "contacts": rows_are_there,
    "history": rows_are_there,
    "analytics": charts_are_there,
    "pages": page_is_there,
    "system": heading_is_there,
    "settings": heading_is_there,
    "audit": heading_is_there,
}


def shots(rule: str, monitor: str) -> Iterator[Shot]:
    """Every picture of the demo account; `rule` and `monitor` are addresses."""
    for dark in (False, True):
        yield Shot("automations", "/", list_is_there, dark)
        yield Shot("form", rule, tested, dark)
        yield Shot("monitor", monitor, monitor_is_live, dark)
    yield Shot("run-now", "/", press("Run now", "#ask-body li"))
    yield Shot("dry-run", "/", press("Dry run", ".dry-people li"))
    yield Shot("dry-run", "/", press("Dry run", ".dry-people li"), dark=True)
    yield Shot("delete", "/", press("Delete", "#ask-yes"))
    yield Shot("form-new", "/automations/new", form_is_there)
    yield Shot("form-hours", "/automations/new", hours_are_seen)
    yield Shot("form-errors", rule, refused)
    yield Shot("pages-choosing", "/pages", choosing)
    for name, act in OTHERS.items():
        yield Shot(name, f"/{name}", act)
        yield Shot(name, f"/{name}", act, dark=True, phone=True)
    yield Shot("not-found", "/nowhere", heading_is_there)
    for name, path, act in (
        ("automations", "/", list_is_there),
        ("form", rule, form_is_there),
        ("monitor", monitor, monitor_is_live),
    ):
        yield Shot(name, path, act, dark=True, phone=True)
    yield Shot("deleted", "/", deleted)


@contextmanager
def window(browser: Browser, stack: Stack, shot: Shot, session: Any) -> Iterator[Page]:
    """A window of the size and light of the picture."""
    options = {
        "viewport": PHONE if shot.phone else DESK,
        "color_scheme": "dark" if shot.dark else "light",
        "storage_state": session,
    }
    with visiting(browser, stack, **options) as visit:
        visit.page.goto(stack.dashboard_url + shot.path)
        yield visit.page
        visit.complaints = [told for told in visit.complaints if "404" not in told]


def take(browser: Browser, stack: Stack, shot: Shot, session: Any = None) -> None:
    """Opens it, does what is to be done, and writes the file."""
    light = "dark" if shot.dark else "light"
    size = "-320" if shot.phone else ""
    with window(browser, stack, shot, session) as page:
        shot.act(page)
        page.evaluate("() => document.fonts.ready")
        page.screenshot(path=PICTURES / f"{shot.name}{size}-{light}.png", animations="disabled")
    sys.stderr.write(f"{shot.name}{size}-{light}.png\n")


def a_run_under_way(browser: Browser, stack: Stack, session: Any) -> tuple[str, str]:
    """Presses Run now as a person would; the addresses of the form and the monitor."""
    with visiting(browser, stack, storage_state=session) as visit:
        page = visit.open("/")
        press("Run now", "#ask-body li")(page)
        page.click("#ask-yes")
        card = page.locator("[data-rule-id]").filter(has_text=RULE)
        expect(card.locator(".number.sent.some")).to_be_visible(timeout=SENT_WITHIN_MS)
        rule = f"/automations/{card.get_attribute('data-rule-id')}"
    return rule, f"{rule}/monitor"


def take_all(browser: Browser, stack: Stack) -> None:
    """The doors and the empty list first, then the demo account at work."""
    for dark in (False, True):
        take(browser, stack, Shot("login", "/login", heading_is_there, dark))
    world = World(stack.database_url)
    with keeping(browser, stack, world, contacts=0) as newcomer:
        page = newcomer.visit.open("/")
        expect(page.locator("#rules-empty")).to_be_visible()
        page.screenshot(path=PICTURES / "automations-empty-light.png", animations="disabled")
    world.close()
    session = session_of(stack, stack.demo_email, stack.demo_password)
    for shot in shots(*a_run_under_way(browser, stack, session)):
        take(browser, stack, shot, session)


def main() -> int:
    """Writes every picture; the stack and its data are thrown away."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        stack = start_stack(Path(home) / "home")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            take_all(browser, stack)
        finally:
            browser.close()
            stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
