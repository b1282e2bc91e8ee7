"""This file is where a query string is parsed into what the caller asks for; it knows no SQL."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from local.gateway.asked import Order, Query
from local.gateway.errors import ApiError, not_implemented
from local.gateway.filters import Condition, Group, parse_filter, parse_logic
from local.gateway.names import Path, read_names, read_path
from local.gateway.selects import parse_order, parse_select

RESERVED = frozenset({"select", "columns", "on_conflict"})
LAST_WORDS = frozenset({"order", "limit", "offset", "and", "or"})
# A table has at most 1,600 columns; reading more names would hold up everybody else's requests.
MOST_TERMS = 2000
# What Haskell reads as a whole number.
NUMBER = re.compile(r"\s*(-?)\s*(?:(\d{1,300})|0[xX]([0-9a-fA-F]{1,99})|0[oO]([0-7]{1,99}))\s*")
Pair = tuple[str, str | None]


class MisplacedError(Exception):
    """Embedded rows are meant that are not there."""


@lru_cache(maxsize=128)
def parse_query(
    parameters: tuple[Pair, ...], *, arguments: bool = False, writes: bool = False
) -> Query:
    """A whole query string; with `arguments` what is no filter is an argument of a function.

    What `writes` has its own columns and conditions; the rest is about the rows in its answer.
    Read in PostgREST's order (QueryParams.hs), because the first mistake is told.
    """
    given = [(name, text) for name, text in parameters if text is not None]
    lists = [text for name, text in given if name == "select" or name.endswith("order")]
    if len(given) + sum(text.count(",") for text in lists) > MOST_TERMS:
        raise not_implemented(f"more than {MOST_TERMS} columns, terms and parameters")
    orders = [(read_path(name)[0], parse_order(text)) for name, text in _ending(given, "order")]
    logic = [parse_logic(name, text) for name, text in _ending(given, "and", "or")]
    columns = _only(parameters, "columns")
    listed = None if columns is None else read_names(columns, "columns parameter")
    asked = _only(parameters, "select")
    select = parse_select("*" if asked is None else asked)
    filters, values = _filters(given, arguments)
    conflict = _only(parameters, "on_conflict")
    keys = None if conflict is None else read_names(conflict, "on_conflict parameter")
    pages = _pages(given)
    limit, offset = _page(pages.pop((), None))
    query = Query(
        select, limit=limit, offset=offset, columns=listed, on_conflict=keys, arguments=values
    )
    if writes:
        own = [found for path, found in filters if not path]
        query = replace(query, where=(*own, *(found for _, found in logic)))
        filters, pages = [(path, one) for path, one in filters if path], {}
        logic = [(path, one) for path, one in logic if path]
    return _put_together(query, filters, orders, pages, logic)


def _put_together(
    query: Query,
    filters: Sequence[tuple[Path, Condition | Group]],
    orders: Sequence[tuple[Path, tuple[Order, ...]]],
    pages: dict[Path, tuple[int | None, int]],
    logic: Sequence[tuple[Path, Condition | Group]],
) -> Query:
    # From behind, as PostgREST folds them: so the first of several orders is the one that counts.
    try:
        for path, condition in reversed(filters):
            query = _changed(query, path, where=condition)
        for path, order in reversed(orders):
            query = _changed(query, path, order=order)
        for path, (limit, offset) in pages.items():
            query = _changed(query, path, limit=limit, offset=offset)
        for path, group in reversed(logic):
            query = _changed(query, path, where=group)
    except MisplacedError as error:
        return replace(query, misplaced=str(error))
    return query


def _changed(query: Query, path: Path, **changes: object) -> Query:
    if not path:
        if "where" in changes:
            changes["where"] = (changes["where"], *query.where)
        return replace(query, **changes)  # type: ignore[arg-type]
    for embed in query.embeds:
        if path[0] in (embed.name, embed.alias):
            inside = replace(embed, query=_changed(embed.query, path[1:], **changes))
            others = list(query.embeds)
            others.remove(embed)
            return replace(query, select=(*query.items, inside, *others))
    raise MisplacedError(path[0])


def _ending(given: Iterable[tuple[str, str]], *words: str) -> list[tuple[str, str]]:
    return [(name, text) for name, text in given if name.rpartition(".")[2] in words]


def _only(parameters: Iterable[Pair], wanted: str) -> str | None:
    return next((text for name, text in parameters if name == wanted), None)


def _filters(
    given: Iterable[tuple[str, str]], arguments: bool
) -> tuple[list[tuple[Path, Condition | Group]], tuple[tuple[str, str], ...]]:
    filters: list[tuple[Path, Condition | Group]] = []
    values: list[tuple[str, str]] = []
    for name, text in given:
        if name in RESERVED or name.rpartition(".")[2] in LAST_WORDS:
            continue
        path, subject, condition = parse_filter(name, text, arguments=arguments)
        if condition is None:
            values.append((subject.name, text))
        else:
            filters.append((path, condition))
    return filters, tuple(values)


def _number(text: str) -> int | None:
    found = NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, decimal, hexadecimal, octal = found.groups()
    number = int(decimal or hexadecimal or octal, 10 if decimal else 16 if hexadecimal else 8)
    return -number if sign else number


def _pages(given: Sequence[tuple[str, str]]) -> dict[Path, tuple[int | None, int]]:
    """Limit and offset of each level; a limit that cannot be read is none (RangeQuery.hs)."""
    limits = {name[:-5]: _number(text) for name, text in _ending(given, "limit")}
    offsets = {name[:-6]: _number(text) or 0 for name, text in _ending(given, "offset")}
    pages: dict[Path, tuple[int | None, int]] = {}
    for head in dict.fromkeys((*limits, *offsets)):
        limit = limits.get(head)
        if head in limits and head in offsets and limit is None:
            limit = 0
        path = read_path(f"{head}limit")[0]
        pages[path] = (limit, offsets.get(head, 0))
    return pages


def _page(page: tuple[int | None, int] | None) -> tuple[int | None, int]:
    limit, offset = page or (None, 0)
    first = max(offset, 0)
    if limit is None:
        return None, first
    # Nothing at all may be asked for, but not from a place of its own.
    end = offset + limit
    if end == 0:
        return 0, 0
    if end <= first:
        raise bad_limit()
    return end - first, first


def bad_limit() -> ApiError:
    """The answer to fewer rows than none."""
    details = "Limit should be greater than or equal to zero."
    return ApiError(416, "PGRST103", "Requested range not satisfiable", details)
