"""This file is where foreign keys become ways from one table to another."""

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import NamedTuple

ONE_TO_ONE, MANY_TO_ONE = "one-to-one", "many-to-one"
ONE_TO_MANY, MANY_TO_MANY = "one-to-many", "many-to-many"
Name = tuple[str, str]
Pairs = tuple[tuple[str, str], ...]


class ForeignKey(NamedTuple):
    """One foreign key as the catalog tells it."""

    schema: str
    table: str
    other_schema: str
    other_table: str
    name: str
    columns: Sequence[str]
    others: Sequence[str]
    is_unique: bool
    is_in_primary_key: bool
    has_view: bool


class Junction(NamedTuple):
    """The table in the middle: its columns beside the origin's and beside the target's."""

    table: Name
    names: tuple[str, str]
    to_origin: Pairs
    to_target: Pairs
    has_view: bool


class Way(NamedTuple):
    """How rows of `origin` find those of `target`: pairs of (own column, other column)."""

    kind: str
    origin: Name
    target: Name
    name: str
    pairs: Pairs
    junction: Junction | None = None

    @property
    def to_one(self) -> bool:
        return self.kind in (ONE_TO_ONE, MANY_TO_ONE)

    @property
    def needs(self) -> list[str]:
        """The origin's columns that must be at hand."""
        pairs = self.junction.to_origin if self.junction else self.pairs
        return [own for own, _ in pairs]

    def fits(self, target: str, hint: str) -> bool:
        """Whether a caller may mean this one (findRel in PostgREST's Plan.hs)."""
        own, other = self.pairs[0] if len(self.pairs) == 1 else ("", "")
        named = target == self.target[1]
        if self.origin == self.target:
            if hint or self.kind != MANY_TO_ONE:
                return named and self.kind == ONE_TO_MANY and hint in ("", other)
            return target == own
        if not hint:
            return named or target in (self.name, own)
        return named and hint in (
            {self.junction.table[1]} if self.junction else {self.name, own, other}
        )

    def describe(self) -> dict[str, str]:
        """The way as PostgREST lists it when a request fits several."""
        listed = f"{self.name} using {_shown(self.origin[1], self.pairs, 0)}"
        told = f"{listed} and {_shown(self.target[1], self.pairs, 1)}"
        if between := self.junction:
            first = _shown(between.names[0], between.to_origin, 1)
            second = _shown(between.names[1], between.to_target, 1)
            told = f"{between.table[1]} using {first} and {second}"
        return {
            "cardinality": self.kind,
            "embedding": f"{self.origin[1]} with {self.target[1]}",
            "relationship": told,
        }

    @property
    def hint(self) -> str:
        return f"'{self.target[1]}!{self.junction.table[1] if self.junction else self.name}'"


def _shown(name: str, pairs: Pairs, side: int) -> str:
    return f"{name}({', '.join(pair[side] for pair in pairs)})"


def find_ways(keys: Sequence[ForeignKey]) -> list[Way]:
    """Every way there and back, also through a table between two others."""
    # PostgREST's order, which shows where it lists several.
    there, back = _direct(keys)
    return [*back, *there, *_through(keys)]


def _direct(keys: Iterable[ForeignKey]) -> tuple[list[Way], list[Way]]:
    ways: tuple[list[Way], list[Way]] = ([], [])
    for key in keys:
        origin, target = (key.schema, key.table), (key.other_schema, key.other_table)
        there = tuple(zip(key.columns, key.others, strict=True))
        back = tuple(zip(key.others, key.columns, strict=True))
        kinds = (ONE_TO_ONE, ONE_TO_ONE) if key.is_unique else (MANY_TO_ONE, ONE_TO_MANY)
        ways[0].append(Way(kinds[0], origin, target, key.name, there))
        ways[1].append(Way(kinds[1], target, origin, key.name, back))
    return ways


def _through(keys: Sequence[ForeignKey]) -> Iterable[Way]:
    joints = [key for key in keys if key.is_in_primary_key and not key.is_unique]
    for one, two in permutations(joints, 2):
        if (one.schema, one.table) == (two.schema, two.table):
            yield Way(
                MANY_TO_MANY,
                (one.other_schema, one.other_table),
                (two.other_schema, two.other_table),
                "",
                (),
                Junction(
                    (one.schema, one.table),
                    (one.name, two.name),
                    tuple(zip(one.others, one.columns, strict=True)),
                    tuple(zip(two.others, two.columns, strict=True)),
                    one.has_view,
                ),
            )
