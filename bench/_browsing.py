"""This file is where a real tab shows the monitor and is measured from inside."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import CDPSession, Page, expect, sync_playwright

from bench._watched import Watched
from tests.pages.conftest import FLAGS, find_chromium

# Notes when a card shows another stage, two frames later: then it has been painted.
NOTE_STAGES = """() => {
    window.seen = [];
    const painted = (done) => requestAnimationFrame(() => requestAnimationFrame(done));
    new MutationObserver((changes) => {
        for (const { target } of changes) {
            const { stateId, stage } = target.dataset;
            painted(() => window.seen.push([Number(stateId), stage, Date.now()]));
        }
    }).observe(document.getElementById("contacts"), {
        subtree: true, attributeFilter: ["data-stage"],
    });
}"""
# Answers as the server would send them, through Dash's own store: 5 of 100 cards change at each.
TICKS = """async ([from, to]) => {
    const ids = [...document.querySelectorAll(".contact")].map((card) => card.dataset.stateId);
    for (let tick = from; tick < to; tick++) {
        const { seq } = window.stagelight.live.state();
        const cards = ids.slice(0, 5).map((id, place) => ({
            id: Number(id), status: `Tick ${tick}`,
            stage: (tick + place) % 2 ? "queued" : "skipped",
        }));
        const moment = { seq, rev: String(tick), now: Date.now() / 1000, age: 0, wait: 3600 };
        const data = { ...moment, cards, sum: `${tick} contacts` };
        window.dash_clientside.set_props("live-answer", { data });
        if (tick % 10 === 0) await new Promise((done) => setTimeout(done, 0));
    }
}"""


@dataclass(frozen=True)
class Tab:
    """A signed-in window with the monitor in it."""

    watched: Watched
    page: Page
    tools: CDPSession

    def work_per_tick(self, ticks: int) -> tuple[float, float]:
        """Milliseconds of script, and of the whole main thread, while five contacts move."""
        before = self._spent()
        for _ in range(ticks):
            self.watched.move(5)
            self._next_answer()
        after = self._spent()
        script, task = ((after[name] - before[name]) * 1000 / ticks for name in before)
        return script, task

    def seconds_to_screen(self, changes: int) -> list[float]:
        """How long after its commit each of so many single moves was painted."""
        self.page.evaluate(NOTE_STAGES)
        committed = {}
        for _ in range(changes):
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311
            [moved] = self.watched.move(1)
            committed[moved["id"], moved["stage"]] = time.time()
        self.page.wait_for_timeout(3000)
        seen: list[tuple[int, str, float]] = self.page.evaluate("() => window.seen")
        return [
            min(
                (at / 1000 - when for i, s, at in seen if (i, s) == key and at / 1000 > when),
                default=9,
            )
            for key, when in committed.items()
        ]

    def lost_presses(self, presses: int) -> int:
        """How many of so many presses, each held while new data came, opened nothing."""
        lost = 0
        for number in range(presses):
            button = self.page.locator(".contact").nth(number % 6).locator("[data-act=timeline]")
            button.hover()
            name = button.get_attribute("aria-label") or ""
            self.page.mouse.down()
            self.watched.move(5)
            self._next_answer(at_once=True)
            self.page.mouse.up()
            title = self.page.locator("dialog .sheet-title")
            try:
                expect(title).to_have_text(name.removeprefix("Timeline of "), timeout=2000)
            except AssertionError:
                lost += 1
            self.page.keyboard.press("Escape")
        return lost

    def memory_growth(self, ticks: int) -> float:
        """Memory after `ticks` answers as a multiple of that after a tenth of them."""
        # The real polls rest meanwhile: their answers would be of another revision.
        self.page.route("**/_dash-update-component*", lambda route: route.abort())
        self.page.evaluate(TICKS, [0, ticks // 10])
        early = self._heap()
        self.page.evaluate(TICKS, [ticks // 10, ticks])
        return self._heap() / early

    def _next_answer(self, *, at_once: bool = False) -> None:
        with self.page.expect_response("**/_dash-update-component*"):
            if at_once:
                self.page.evaluate("() => window.dispatchEvent(new Event('online'))")

    def _spent(self) -> dict[str, float]:
        metrics = {
            m["name"]: m["value"] for m in self.tools.send("Performance.getMetrics")["metrics"]
        }
        return {name: metrics[name] for name in ("ScriptDuration", "TaskDuration")}

    def _heap(self) -> float:
        # Eight hours in a minute leave more behind than a page drops every second.
        self.page.wait_for_timeout(2500)
        self.tools.send("HeapProfiler.collectGarbage")
        used: float = self.tools.send("Runtime.getHeapUsage")["usedSize"]
        return used


@contextmanager
def tab(watched: Watched) -> Iterator[Tab]:
    """The machine's Chromium, drawing in software."""
    name, _, value = watched.cookie.partition("=")
    cookie: Any = {"name": name, "value": value, "url": watched.stack.dashboard_url}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(watched.stack.dashboard_url + watched.path)
        expect(page.locator(".contact")).to_have_count(100)
        tools = context.new_cdp_session(page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        yield Tab(watched, page, tools)
        browser.close()
