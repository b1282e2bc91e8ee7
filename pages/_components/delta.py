"""This file is where it is remembered what a browser has, so that only changes are sent."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Known:
    """What one revision consisted of: a fingerprint per section and per card, in order."""

    sections: dict[str, str]
    cards: dict[int, str]


class Sent:
    """The revisions that browsers may still have. An unknown one gets everything."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def answer(
        self, sections: dict[str, Any], cards: list[dict[str, Any]], has: str
    ) -> dict[str, Any]:
        """What a browser needs that has revision `has` ("" for nothing)."""
        now = Known(
            {name: _print(value) for name, value in sections.items()},
            {card["id"]: _print(card) for card in cards},
        )
        revision = _print([now.sections, list(now.cards.items())])
        before = self._known.get(has)
        self._known[revision] = now
        self._known.move_to_end(revision)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if has == revision:
            return {"rev": revision}
        if before is None:
            return {"rev": revision, **sections, "order": list(now.cards), "cards": cards}
        return {"rev": revision, **_changes(before, now, sections, cards)}


def _changes(
    before: Known, now: Known, sections: dict[str, Any], cards: list[dict[str, Any]]
) -> dict[str, Any]:
    changed: dict[str, Any] = {
        name: value
        for name, value in sections.items()
        if before.sections.get(name) != now.sections[name]
    }
    if list(before.cards) != list(now.cards):
        changed["order"] = list(now.cards)
    new = [card for card in cards if before.cards.get(card["id"]) != now.cards[card["id"]]]
    if new:
        changed["cards"] = new
    return changed


def _print(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()
