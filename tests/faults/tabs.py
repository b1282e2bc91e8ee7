"""This file is where a process of its own is fifty browser tabs, so that nothing else delays them.

Told on a line of JSON whom to watch where, it answers a line of JSON for each line that follows:
a number of seconds to look, or "shown" for what each tab shows after one more poll.
"""

import asyncio
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

from bench._viewers import Viewer
from pipeline.stages import Stage


class Tab(Viewer):
    """A viewer that puts together what it is sent, as the monitor's script does."""

    def open(self) -> "Tab":
        """Nothing is shown yet."""
        self.stages: list[dict[str, Any]] = []
        self.order: list[int] = []
        self.cards: dict[int, dict[str, Any]] = {}
        return self

    async def ask(self, *, now: bool = False) -> dict[str, Any]:
        """One poll, and what it changes."""
        answer = await super().ask(now=now)
        if answer.get("all"):
            self.stages, self.cards = answer["stages"], {}
        for place, stage in answer.get("stages", {}).items() if not answer.get("all") else ():
            self.stages[int(place)] = stage
        for card in answer.get("cards", ()):
            known = {**self.cards.get(card["id"], {}), **card}
            self.cards[card["id"]] = {
                name: value for name, value in known.items() if name not in card.get("-", ())
            }
        if "order" in answer:
            self.order = [
                number
                for entry in answer["order"]
                for number in (
                    self.order[entry[0] : sum(entry)] if isinstance(entry, list) else [entry]
                )
            ]
        return answer

    def shown(self) -> dict[str, Any]:
        """The numbers of the stages that have any, and the stages of the contacts listed."""
        numbers = zip(Stage, self.stages, strict=True)
        return {
            "rule": self.watched.rule["id"],
            "stages": {stage.value: looks["n"] for stage, looks in numbers if looks["n"]},
            "cards": {number: self.cards[number]["stage"] for number in self.order},
        }


async def look(tabs: list[Tab], seconds: float) -> dict[str, Any]:
    """All of them for so long; how long their polls took, in ms, and what they cost themselves."""
    for tab in tabs:
        tab.times.clear()
    spent, started = time.process_time(), time.monotonic()
    await asyncio.gather(*(tab.watch(seconds) for tab in tabs))
    for tab in tabs:
        tab.leave()  # the server closes what is idle
    share = (time.process_time() - spent) / (time.monotonic() - started)
    return {"times": [taken for tab in tabs for taken in tab.times], "share": share}


async def main() -> None:
    """Until nobody asks any more."""
    told = json.loads(sys.stdin.readline())
    place = SimpleNamespace(dashboard_url=told["url"])
    tabs = [
        Tab(SimpleNamespace(stack=place, cookie=told["cookie"], rule={"id": rule})).open()
        for rule in told["rules"]
    ]
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        if asked == "shown":
            await asyncio.gather(*(tab.ask(now=True) for tab in tabs))
            answer: Any = [tab.shown() for tab in tabs]
        else:
            answer = await look(tabs, asked)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
