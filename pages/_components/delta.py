"""This file is where it is remembered what a browser has, so that only changes are sent."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# A minute of one view changes 30 times; a browser that comes back later gets everything.
REMEMBERED = 600
Row = dict[str, Any]
Order = list[int | list[int]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One moment of one view: sections, cards in order, and a name for exactly this content."""

    sections: Row
    cards: dict[int, Row]
    rev: str

    @classmethod
    def of(cls, sections: Row, cards: Sequence[Row]) -> "Drawn":
        """Names it by its content, so that equal moments have equal names."""
        text = json.dumps([sections, cards], separators=(",", ":"), ensure_ascii=False)
        rev = hashlib.blake2b(text.encode(errors="replace"), digest_size=9).hexdigest()
        return cls(sections, {card["id"]: card for card in cards}, rev)

    def share(self, before: "Drawn") -> None:
        """Keeps the older one's cards where they are equal: then they are there only once."""
        for number, card in self.cards.items():
            old = before.cards.get(number)
            if old == card:
                self.cards[number] = old


class Sent:
    """The moments that browsers may still show. For an unknown one everything is sent."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Drawn] = OrderedDict()

    def answer(self, now: Drawn, has: str) -> Row:
        """What a browser lacks that shows revision `has` ("" for nothing)."""
        before = self._known.get(has)
        if before is not None and now.rev not in self._known:
            now.share(before)
        self._remember(now)
        if has == now.rev:
            return {"rev": now.rev}
        if before is not None:
            return {"rev": now.rev, **_changes(before, now)}
        return {
            "rev": now.rev,
            "all": True,
            **now.sections,
            "order": list(now.cards),
            "cards": list(now.cards.values()),
        }

    def _remember(self, now: Drawn) -> None:
        self._known[now.rev] = now
        self._known.move_to_end(now.rev)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _changes(before: Drawn, now: Drawn) -> Row:
    changed: Row = {
        name: value for name, value in now.sections.items() if before.sections.get(name) != value
    }
    if "stages" in changed:
        changed["stages"] = _by_place(before.sections["stages"], now.sections["stages"])
    if list(before.cards) != list(now.cards):
        changed["order"] = moves(list(before.cards), list(now.cards))
    cards = [
        _fields(before.cards.get(number), card)
        for number, card in now.cards.items()
        if before.cards.get(number) != card
    ]
    if cards:
        changed["cards"] = cards
    return changed


def _by_place(before: list[Row], now: list[Row]) -> Row:
    """Of the ten stages only those that changed."""
    both = zip(before, now, strict=True)
    return {str(place): new for place, (old, new) in enumerate(both) if old != new}


def _fields(before: Row | None, now: Row) -> Row:
    """The fields that changed; those that are gone are named in "-"."""
    if before is None:
        return now
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    gone = [name for name in before if name not in now]
    return {"id": now["id"], **changed, **({"-": gone} if gone else {})}


def moves(before: list[int], now: list[int]) -> Order:
    """`now` told by what stayed together: [place, length] of the old order, or a single id."""
    places = {number: place for place, number in enumerate(before)}
    runs: list[list[int]] = []
    follows = -1
    for number in now:
        place = places.get(number, -2)
        if place == follows:
            runs[-1].append(number)
        else:
            runs.append([number])
        follows = place + 1 if place >= 0 else -1
    return [[places[run[0]], len(run)] if len(run) > 1 else run[0] for run in runs]
