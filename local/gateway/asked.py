"""This file is where it is named what a query string can ask for within the subset."""

from dataclasses import dataclass

from local.gateway.filters import Condition, Group
from local.gateway.names import Field


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of `select`; the name `*` without an alias means every column."""

    field: Field
    cast: str = ""
    alias: str = ""
    aggregates: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One term of `order`; empty words mean PostgreSQL's own choice."""

    field: Field
    direction: str
    nulls: str
    embedded: str = ""


STAR = (Item(Field("*")),)


@dataclass(frozen=True, slots=True)
class Embed:
    """Rows of another table inside each row; spread, their columns stand beside the row's own."""

    name: str
    query: "Query"
    alias: str
    hint: str
    inner: bool
    spread: bool

    @property
    def label(self) -> str:
        return self.alias or self.name

    @property
    def is_shown(self) -> bool:
        """Not when it is there for its filters only, as in `clients!inner()`."""
        return bool(self.query.items) or any(one.is_shown for one in self.query.embeds)


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query string."""

    select: tuple[Item | Embed, ...] = STAR
    where: tuple[Condition | Group, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    # A name that was used like that of embedded rows, but is none.
    misplaced: str = ""

    @property
    def embeds(self) -> tuple[Embed, ...]:
        return tuple(item for item in self.select if isinstance(item, Embed))

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(item for item in self.select if isinstance(item, Item))
