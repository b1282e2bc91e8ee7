"""This file is where an address, or a browser's wish, becomes what a list is asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pages._components.ask import text, whole
from pipeline.answers import is_uuid
from pipeline.looking import Filters, fitting

ID_LENGTH = 36
# As the database writes a moment; Python knows other ways, too.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row a page begins after, or, going back, ends before: its key in the order, its id."""

    key: str
    id: str
    back: bool = False

    @property
    def pair(self) -> tuple[str, str]:
        """As the database takes it."""
        return (self.key, self.id)

    @property
    def word(self) -> str:
        """As it stands in an address."""
        return self.id + self.key


@dataclass(frozen=True, slots=True)
class ListAsk:
    """What is looked for, in which order, from where; what makes no sense is left out."""

    fits: dict[str, str]
    order: str
    cursor: Cursor | None = None
    at: int = 0
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Any, filters: Filters, orders: Sequence[str]) -> "ListAsk":
        """`filters` are those of the list, `orders` its orders, the usual one first."""
        given = data if isinstance(data, dict) else {}
        fits = fitting(given, filters)
        order = given.get("order")
        order = order if isinstance(order, str) and order in orders else orders[0]
        cursor = _cursor(given.get("after"), order) or _cursor(
            given.get("before"), order, back=True
        )
        return cls(fits, order, cursor, whole(given.get("at")), left_out(given, fits, filters))


def left_out(given: dict[str, Any], fits: dict[str, str], filters: Filters) -> tuple[str, ...]:
    """The filters that were asked for with something that is no value of theirs."""
    meant = (name for name in filters if name not in fits and name != "zone")
    return tuple(name for name in meant if text(given.get(name), 400).strip() not in ("", "any"))


def _cursor(word: Any, order: str, *, back: bool = False) -> Cursor | None:
    told = text(word, 400)
    key, row_id = told[ID_LENGTH:], told[:ID_LENGTH]
    if not is_uuid(row_id) or (not order.endswith("name") and not is_moment(key)):
        return None
    return Cursor(key, row_id, back)


def is_moment(key: str) -> bool:
    """Whether it is a moment as the database writes it."""
    if key == "-infinity":
        return True
    try:
        return datetime.fromisoformat(key) is not None and bool(MOMENT.fullmatch(key))
    except ValueError:
        return False
