"""This file is where rows of other tables are put inside the rows that belong to them."""

from collections.abc import Iterable
from typing import NamedTuple

from psycopg.sql import SQL, Composable

from local.gateway.asked import Embed, Query
from local.gateway.catalog import Catalog, Relation
from local.gateway.compose import EMPTY, Composer, comma, identifier
from local.gateway.errors import ApiError, no_aggregates, not_embedded, not_implemented
from local.gateway.hints import nearest
from local.gateway.ways import Way


class Selected(NamedTuple):
    """What stands after `select`, and what follows the table's name after `from`."""

    items: Composable
    joins: Composable


def needed(catalog: Catalog, relation: Relation, query: Query) -> list[str]:
    """The columns that a write must give back for what is embedded."""
    if query.misplaced:
        raise not_embedded(query.misplaced)
    names = [name for embed in query.embeds for name in find_way(catalog, relation, embed).needs]
    if any(item.aggregates for item in query.items):
        raise no_aggregates()
    return names


def find_way(catalog: Catalog, origin: Relation, embed: Embed) -> Way:
    """The one way that the caller means; ApiError 400 when there is none, 300 for several."""
    schema, name = origin.schema, embed.name
    own = [way for way in catalog.ways if way.origin == (schema, origin.name)]
    own = [way for way in own if way.target[0] == schema]
    fit = [way for way in own if way.fits(name, embed.hint)]
    target = catalog.relations.get((schema, fit[0].target[1] if fit else name))
    views = {one.name for one in catalog.relations.values() if one.is_view}
    if origin.is_view or (not fit and {name, embed.hint} & views):
        raise not_implemented("embedding from or of a view")
    if (schema, name) in {*catalog.functions, *catalog.of_rows}:
        raise not_implemented("embedding by a function")
    if any(way.junction and way.junction.has_view for way in fit) and not embed.hint:
        raise not_implemented("embedding through a table that also has views; name it as the hint")
    if target is not None and target.has_representations:
        raise not_implemented("tables that the database shows in a form of its own")
    if len(fit) == 1:
        return fit[0]
    if fit:
        raise _ambiguous(origin, name, fit)
    joined = {way.origin[1] for way in catalog.ways if way.origin[0] == schema}
    raise _no_way(origin, embed, own, joined)


def _ambiguous(origin: Relation, name: str, fit: list[Way]) -> ApiError:
    hints = ", ".join(way.hint for way in fit)
    return ApiError(
        300,
        "PGRST201",
        "Could not embed because more than one relationship was found "
        f"for '{origin.name}' and '{name}'",
        [way.describe() for way in fit],
        f"Try changing '{name}' to one of the following: {hints}. "
        "Find the desired relationship in the 'details' key.",
    )


def _no_way(origin: Relation, embed: Embed, own: list[Way], joined: Iterable[str]) -> ApiError:
    between = f"between '{origin.name}' and '{embed.name}'"
    hinted = f" using the hint '{embed.hint}'" if embed.hint else ""
    if own:
        near, instead = nearest(embed.name, {way.target[1] for way in own}, exact=False), embed.name
    else:
        near, instead = nearest(origin.name, joined), origin.name
    return ApiError(
        400,
        "PGRST200",
        f"Could not find a relationship {between} in the schema cache",
        f"Searched for a foreign key relationship {between}{hinted} "
        f"in the schema '{origin.schema}', but no matches were found.",
        f"Perhaps you meant '{near}' instead of '{instead}'." if near else None,
    )


def page_and_total(
    catalog: Catalog,
    relation: Relation | None,
    query: Query,
    composer: Composer,
    source: Composable,
    max_rows: int | None,
) -> tuple[Composable, Composable]:
    """The statement for a page of the rows of `source`, and the one that counts all of them."""
    selected = select(catalog, relation, query, composer, max_rows)
    where = composer.where(query.where)
    rows = SQL("select {}{}{}{}{}{}").format(
        selected.items,
        source,
        selected.joins,
        where,
        composer.order(query.order),
        composer.page(query, max_rows),
    )
    joins = selected.joins if composer.embeds_decide else EMPTY
    return rows, SQL("(select count(*){}{}{})").format(source, joins, where)


def select(
    catalog: Catalog,
    relation: Relation | None,
    query: Query,
    composer: Composer,
    max_rows: int | None,
    depth: int = 1,
) -> Selected:
    """Columns and embedded rows of one level; must come before its filters are composed."""
    if query.misplaced:
        raise not_embedded(query.misplaced)
    embedded: list[Composable] = []
    joins: list[Composable] = []
    for number, item in enumerate(query.embeds):
        if relation is None:
            raise not_implemented("embedding in rows that are no table's")
        way = find_way(catalog, relation, item)
        place = identifier(f"_inside_{depth}_{number}")
        joins.append(_join(catalog, way, item, composer, max_rows, depth, place))
        composer.embedded.setdefault(
            item.label, SQL("({}.{})").format(place, SQL("*") if way.to_one else SQL("_all"))
        )
        composer.places.setdefault(item.label, (place, way.to_one))
        if item.is_shown:
            embedded.append(_shown(way, item, place))
        composer.embeds_decide |= item.inner
    items = [composer.item(item) for item in query.items]
    return Selected(comma([*items, *embedded]), SQL("").join(joins))


def _shown(way: Way, embed: Embed, place: Composable) -> Composable:
    if embed.spread:
        return SQL("{}.*").format(place)
    form = SQL("row_to_json({}.*)::jsonb" if way.to_one else "coalesce({}._all, '[]')").format(
        place
    )
    return SQL("{} as {}").format(form, identifier(embed.label))


def _join(
    catalog: Catalog,
    way: Way,
    embed: Embed,
    parent: Composer,
    max_rows: int | None,
    depth: int,
    place: Composable,
) -> Composable:
    if embed.spread and not way.to_one:
        raise not_implemented("spreading more than one row")
    relation = catalog.relations[way.target]
    # PostgREST knows the types of columns only where a table is asked for by its own name.
    named = catalog.relations.get((relation.schema, embed.name))
    columns = named.columns if named else {}
    composer = Composer(_alias(relation, parent, depth), columns, parent.values)
    source, conditions = _met(way, composer, parent)
    inside = select(catalog, relation, embed.query, composer, max_rows, depth + 1)
    rows: Composable = SQL("select {} from {}{}{}{}{}").format(
        inside.items,
        source,
        inside.joins,
        composer.where(embed.query.where, conditions),
        composer.order(embed.query.order),
        composer.page(embed.query, max_rows),
    )
    met = "true"
    if not way.to_one:
        rows = SQL("select json_agg(_one.*)::jsonb as _all from ({}) as _one").format(rows)
        met = "{}._all is not null" if embed.inner else met
    kind = SQL("inner" if embed.inner else "left")
    return SQL(" {} join lateral ({}) as {} on {}").format(
        kind, rows, place, SQL(met).format(place)
    )


def _alias(relation: Relation, parent: Composer, depth: int) -> str:
    # PostgreSQL cuts a name at 63 bytes; cut, it must not become its parent's.
    name = f"{relation.name.encode()[:55].decode(errors='ignore')}_{depth}"
    return f"{name}_" if identifier(name) == parent.alias else name


def _met(way: Way, composer: Composer, parent: Composer) -> tuple[Composable, list[Composable]]:
    """Where the rows come from, and when they belong to the parent's."""
    source, junction = SQL("{} as {}").format(identifier(*way.target), composer.alias), way.junction
    if junction is None:
        return source, [_equal(composer.column(two), parent.column(one)) for one, two in way.pairs]
    between = identifier("_between")
    beside = {two: SQL("{}.{}").format(between, identifier(two)) for _, two in junction.to_origin}
    beside |= {two: SQL("{}.{}").format(between, identifier(two)) for _, two in junction.to_target}
    conditions = [_equal(beside[two], parent.column(one)) for one, two in junction.to_origin]
    conditions += [_equal(beside[two], composer.column(one)) for one, two in junction.to_target]
    return SQL("{}, {} as {}").format(source, identifier(*junction.table), between), conditions


def _equal(one: Composable, other: Composable) -> Composable:
    return SQL("{} = {}").format(one, other)
