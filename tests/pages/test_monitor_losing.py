"""This file is where the monitor loses its server: told at once, and back by itself."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.pages.conftest import Visit
from tests.pages.watching import Watch, watch
from tests.ports import free_port
from tests.running import Stack, until
from tests.stack.processes import parts_of

__all__ = ["watch"]
POLL = "**/_dash-update-component*"


def is_live(page: Page) -> None:
    expect(page.locator("#live-indicator")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize(
    ("status", "word"), [(0, "does not answer"), (500, "reported an error"), (502, "an error")]
)
def test_a_poll_that_fails_is_noticed_at_once(
    demo: Visit, watch: Watch, status: int, word: str
) -> None:
    here = watch()
    here.waiting("Ana")
    demo.page.clock.install()
    page = demo.open_monitor(here.path)
    is_live(page)

    def fail(route: Route) -> None:
        route.fulfill(status=status) if status else route.abort()

    with page.expect_request(POLL):
        page.route(POLL, fail)
        page.clock.run_for(2500)

    # The data is younger than five seconds; without the failure it would still be called live.
    expect(page.locator("#live-indicator")).to_have_attribute("data-state", "delayed")
    expect(page.locator("#live-word")).to_contain_text(word)
    expect(page.locator(".contact")).to_have_count(1)
    page.unroute(POLL)
    page.clock.run_for(4500)
    is_live(page)
    demo.complaints.clear()


def test_a_slow_server_is_asked_once_until_it_has_answered(demo: Visit, watch: Watch) -> None:
    here = watch()
    demo.page.clock.install()
    page = demo.open_monitor(here.path)
    is_live(page)
    held: list[Route] = []
    page.route(POLL, lambda route: held.append(route))

    until(lambda: page.clock.run_for(500) or held)
    page.clock.run_for(4500)

    # What was asked before this answer has come by here.
    assert page.evaluate("() => fetch('/healthz').then((answer) => answer.status)") == 200
    assert len(held) == 1
    held[0].continue_()
    page.unroute(POLL)
    page.clock.run_for(2500)
    is_live(page)


def test_an_answer_that_breaks_off_half_way_is_given_up_and_asked_again(
    demo: Visit, watch: Watch
) -> None:
    here = watch()
    demo.page.clock.install()
    page = demo.open_monitor(here.path)
    is_live(page)
    with half_an_answer() as (address, asked):
        page.route(POLL, lambda route: route.continue_(url=address))
        until(lambda: page.clock.run_for(500) or asked)

        page.clock.run_for(8000)

        expect(page.locator("#live-word")).to_contain_text("does not answer")
        page.unroute(POLL)
        page.clock.run_for(10_500)
        is_live(page)


@contextmanager
def half_an_answer() -> Iterator[tuple[str, list[bytes]]]:
    """A server that begins to answer and never ends; what it was asked."""
    asked: list[bytes] = []
    kept: list[socket.socket] = []

    def answer(listening: socket.socket) -> None:
        while True:
            try:
                talk, _ = listening.accept()
            except OSError:
                return
            asked.append(talk.recv(65536))
            talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            talk.sendall(b"Content-Length: 1000\r\n\r\n{")
            kept.append(talk)

    with socket.create_server(("127.0.0.1", free_port())) as listening:
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/_dash-update-component", asked
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    for talk in kept:
        talk.close()


def test_after_a_sleep_the_page_is_fresh_and_counts_from_the_servers_clock(
    demo: Visit, watch: Watch
) -> None:
    here = watch()
    here.waiting("Ana")
    demo.page.clock.install()
    page = demo.open_monitor(here.path)
    is_live(page)
    held: list[Route] = []
    page.route(POLL, lambda route: held.append(route))
    until(lambda: page.clock.run_for(500) or held)  # falls asleep while it asks
    page.unroute(POLL)

    with page.expect_response(POLL):
        page.clock.fast_forward("30:00")

    is_live(page)
    expect(page.locator(".contact")).to_contain_text("Sends in 1 h 59 min")


@contextmanager
def nobody_restarts(stack: Stack) -> Iterator[None]:
    """Who looks after the parts stands still, so that what is noticed does not depend on luck."""
    os.kill(stack.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stack.process.pid, signal.SIGCONT)


def opened_meanwhile(demo: Visit, part: str) -> Page | None:
    """A page that has no data to show, and promises to come as soon as there is some."""
    if part != "gateway":
        return None
    page = demo.context.new_page()
    page.goto(demo.stack.dashboard_url)
    expect(page.locator("#unreachable")).to_contain_text("opens by itself as soon as it does")
    return page


@pytest.mark.parametrize("part", ["dashboard", "gateway", "PostgreSQL"])
def test_what_is_killed_is_noticed_and_the_page_goes_on_by_itself(
    demo: Visit, watch: Watch, stack: Stack, part: str
) -> None:
    here = watch()
    here.waiting("Ana")
    page = demo.open_monitor(here.path)
    is_live(page)
    shown = page.locator("#sum-line").text_content()

    victim = parts_of(stack.process.pid)[part]
    with nobody_restarts(stack):
        os.kill(victim, signal.SIGKILL)
        expect(page.locator("#live-indicator")).not_to_have_attribute("data-state", "live")
        late = opened_meanwhile(demo, part)
    until(lambda: parts_of(stack.process.pid).get(part, victim) != victim)

    is_live(page)
    assert page.locator("#sum-line").text_content() == shown
    if late:
        expect(late.locator("[data-rule-id]").first).to_be_visible()
    here.people.close()
    until(lambda: f"{part} is running again" in stack.said(), why=stack.said)
    expect(page.locator("#live-word")).to_contain_text("Live · 0 s")
    demo.complaints.clear()
