"""This file is where each door of the database is tried, and what gives way is named."""

import json
import uuid

from postgrest import APIError

from tests.database import doors
from tests.database.project import MARK, Project

# No grant; no such function for this role; a view that nobody can write to.
REFUSED = {"42501", "PGRST202", "55000"}
# What the catalogue must not hold, whatever is in the tables; each row found is a hole.
RULES = {
    "every table has row level security": """
        select relname as hole from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relrowsecurity
    """,
    "every view runs as its reader": """
        select relname as hole from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'v'
            and not coalesce(reloptions @> '{security_invoker=on}', false)
    """,
    "every function pins its search path": """
        select proname as hole from pg_proc
        where pronamespace = 'public'::regnamespace
            and not coalesce(proconfig @> '{"search_path=\\"\\""}', false)
    """,
    "every policy is for those who signed in": """
        select polname || ' on ' || polrelid::regclass as hole from pg_policy
        where polroles <> array['authenticated'::regrole::oid]
    """,
    "every policy asks for the owner and for nothing else": """
        select tablename || ': ' || w.words as hole
        from pg_policies
        cross join unnest(array[qual, with_check]) as w (words)
        where schemaname = 'public' and w.words <> 'false'
            and w.words <> '(user_id = ( SELECT auth.uid() AS uid))'
            and (tablename, w.words) <> ('ai_automation_stage_moves', 'true')
            -- A restrictive policy lets nobody in; it only keeps more out.
            and permissive = 'PERMISSIVE'
    """,
    "every row of an owner names her": """
        select a.attrelid::regclass::text as hole from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        where a.attname = 'user_id' and not a.attnotnull and c.relkind in ('r', 'p')
            and c.relnamespace = 'public'::regnamespace
    """,
    "every reference between owned tables carries the owner": """
        select k.conname as hole from pg_constraint as k
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
            and k.confrelid <> 'auth.users'::regclass and k.conparentid = 0
            and not exists (
                select 1 from pg_attribute as a
                where a.attrelid = k.conrelid and a.attnum = any(k.conkey) and a.attname = 'user_id'
            )
    """,
    "no function may be called by whoever comes": """
        select proname as hole from pg_proc
        cross join aclexplode(coalesce(proacl, acldefault('f', proowner))) as a
        where pronamespace = 'public'::regnamespace and a.grantee = 0
    """,
    "nothing outside of public may be used": """
        select n.nspname || ' by ' || r.role as hole
        from pg_namespace as n
        cross join unnest(array['anon', 'authenticated']) as r (role)
        where n.nspname not in ('public', 'auth', 'extensions', 'pg_catalog', 'information_schema')
            and n.nspname !~ '^pg_' and has_schema_privilege(r.role, n.oid, 'usage, create')
    """,
    "no part of a table has grants of its own": """
        select c.oid::regclass || ' to ' || r.role as hole
        from pg_class as c
        cross join unnest(array['anon', 'authenticated', 'service_role']) as r (role)
        where c.relispartition and has_table_privilege(
            r.role, c.oid, 'select, insert, update, delete, truncate, references, trigger'
        )
    """,
    "no role of the API may truncate, or number by itself": """
        select c.relname || ' by ' || r.role as hole
        from pg_class as c
        cross join unnest(array['anon', 'authenticated', 'service_role']) as r (role)
        where c.relnamespace = 'public'::regnamespace and (
            (c.relkind in ('r', 'p') and has_table_privilege(r.role, c.oid, 'truncate, trigger'))
            or (c.relkind = 'S' and has_sequence_privilege(r.role, c.oid, 'usage, select, update'))
        )
    """,
}


def broken(project: Project, rule: str) -> list[str]:
    """What breaks one of the RULES."""
    return [f"{rule}: {row['hole']}" for row in project.world.rows(RULES[rule])]


def unlisted(project: Project) -> list[str]:
    """Objects that doors.py does not know, and objects there that the database does not have."""
    objects = project.world.rows(
        "select relname as name from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind in ('r', 'v', 'm', 'p', 'f')"
        " union all select proname from pg_proc where pronamespace = 'public'::regnamespace"
    )
    return sorted({row["name"] for row in objects} ^ {*doors.TABLES, *doors.FUNCTIONS})


def callable_beyond_the_list(project: Project) -> list[str]:
    """Functions that a role may call and that doors.py does not give it, or the reverse."""
    listed = {
        *(("anon", name) for name in doors.FOR_EVERYBODY),
        *(("authenticated", name) for name in {**doors.FOR_EVERYBODY, **doors.FOR_OWNERS}),
    }
    granted = project.world.rows(
        "select role, proname from pg_proc"
        " cross join unnest(array['anon', 'authenticated']) as r (role)"
        " where pronamespace = 'public'::regnamespace"
        " and has_function_privilege(role, pg_proc.oid, 'execute')"
    )
    return [
        f"{name} by {role}"
        for role, name in sorted({(row["role"], row["proname"]) for row in granted} ^ listed)
    ]


def writable_beyond_the_list(project: Project) -> list[str]:
    """Columns that an owner may write and that doors.py does not give her, or the reverse."""
    granted = project.world.rows(
        """
        select c.relname, v.verb, a.attname
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        cross join unnest(array['insert', 'update']) as v (verb)
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'p', 'm')
            and has_column_privilege('authenticated', c.oid, a.attnum, v.verb)
        """
    )
    listed = {(*place, column) for place, columns in doors.COLUMNS.items() for column in columns}
    found = {(row["relname"], row["verb"], row["attname"]) for row in granted}
    return [" ".join(place) for place in sorted(found ^ listed)]


def attempt(client, table, verb, column, values=None):
    """One request that would reach every row the client may reach."""
    target = client.table(table)
    if verb == "select":
        return target.select("*").execute().data
    if verb == "insert":
        return target.insert(values or {column: None}).execute().data
    change = target.update(values or {column: None}) if verb == "update" else target.delete()
    return change.not_.is_(column, "null").execute().data


def refusal(call, *arguments):
    """The code with which a request is refused; empty when it is not."""
    try:
        call(*arguments)
    except APIError as error:
        return error.code
    return ""


def open_to(project: Project, who: str, table: str) -> list[str]:
    """Verbs that the owner, the stranger or anon gets beyond what doors.py gives every owner."""
    given = () if who == "anon" else doors.TABLES[table]
    client, column = getattr(project, who), project.column[table]
    return [
        f"{verb} on {table} by {who}"
        for verb in doors.ALL_VERBS
        if verb not in given and refusal(attempt, client, table, verb, column) not in REFUSED
    ]


def reached_by_a_stranger(project: Project, table: str) -> list[str]:
    """Verbs by which a stranger gets at rows of A's in a table where she may have rows too."""
    verbs = set(doors.TABLES[table]) - {"insert"} if table not in doors.SHARED_TABLES else ()
    stolen = {"sender_name" if table == "contacts" else "name": "stolen"}
    return [
        f"{verb} on {table}"
        for verb in sorted(verbs, reverse=True)
        if attempt(
            project.stranger,
            table,
            verb,
            project.column[table],
            stolen if doors.COLUMNS.get((table, verb)) else None,
        )
    ]


def callable_by_a_visitor(project: Project, function: str) -> list[str]:
    """The function, if somebody who did not sign in gets an answer."""
    ask = project.anon.rpc(function, project.arguments(function)).execute
    return [] if refusal(ask) in REFUSED else [function]


def got_by_a_stranger(project: Project, function: str) -> list[str]:
    """What a stranger learns about A's things or changes in them, by naming them to a function."""
    before = project.belongings()
    answer = answered(project, function, project.things)
    told = json.dumps(answer)
    unknown = answered(project, function, nobodys(project.things))
    after = project.belongings()
    return [
        f"{function} {word}"
        for word, hole in {
            "fails by itself": str(answer).startswith("error") and answer != "error PT404",
            "shows what is A's": MARK in told,
            "tells A's ids": bool(set(map(str, project.things.values())) & set(told.split('"'))),
            "tells what exists": answer != unknown,
            "changes what is A's": without_own_traces(after, project.b)
            != without_own_traces(before, project.b),
        }.items()
        if hole
    ]


def answered(project, function, things):
    """The answer to the stranger but for the time of day, or the code of the refusal."""
    try:
        data = project.stranger.rpc(function, project.arguments(function, things)).execute().data
    except APIError as error:
        return f"error {error.code}"
    return timeless(data)


def timeless(data):
    """Without what goes on with the clock between two answers."""
    if not isinstance(data, dict):
        return data
    return {
        name: None if name in ("now", "behind_seconds") else timeless(value)
        for name, value in data.items()
    }


def nobodys(things):
    """Ids of the same kinds that belong to nobody."""
    return {
        name: str(uuid.uuid4()) if isinstance(thing, str) else 10**12 + position
        for position, (name, thing) in enumerate(things.items())
    }


def without_own_traces(belongings, stranger):
    """A stranger's fruitless attempts are written down too, and what is the stranger's own is."""
    theirs = str(stranger["id"])
    return {
        table: [row for row in rows if theirs not in str(row)]
        for table, rows in belongings.items()
        if table != "ai_automation_audit"
    }
