"""This file is where a stranger and a visitor try every door, under old and new default grants."""

import json
import uuid

import pytest
from postgrest import APIError

from tests.builders import ago
from tests.database import doors
from tests.database.project import MARK, two_owners

# No grant; no such function for this role; a view that nobody can write to.
REFUSED = {"42501", "PGRST202", "55000"}


@pytest.fixture(scope="module", params=[False, True], ids=["new grants", "old grants"])
def project(request, cluster, tmp_path_factory):
    home = tmp_path_factory.mktemp("gateway")
    with two_owners(cluster, home, old_grants=request.param) as project:
        yield project


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


def test_every_object_has_a_line_that_says_who_may_use_it(project):
    objects = project.world.rows(
        "select relname as name, relkind::text as kind from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p', 'f')"
    )
    functions = project.world.rows(
        "select proname as name from pg_proc where pronamespace = 'public'::regnamespace"
    )

    assert {row["name"] for row in objects} == set(doors.TABLES)
    assert sorted(row["name"] for row in functions) == sorted(doors.FUNCTIONS)
    assert {row["kind"] for row in objects} == {"r", "v"}


def test_a_has_something_to_hide_in_every_table(project):
    assert [table for table, rows in project.belongings().items() if not rows] == []


@pytest.mark.parametrize(
    ("role", "functions"),
    [
        ("anon", doors.FOR_EVERYBODY),
        ("authenticated", {**doors.FOR_EVERYBODY, **doors.FOR_OWNERS}),
    ],
)
def test_a_role_may_call_what_is_written_down_and_nothing_else(project, role, functions):
    granted = project.world.rows(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and has_function_privilege(%s, oid, 'execute')",
        role,
    )

    assert sorted(row["proname"] for row in granted) == sorted(functions)


@pytest.mark.parametrize("table", doors.TABLES)
def test_a_visitor_is_refused_at_every_table(project, table):
    column = project.column[table]

    for verb in doors.ALL_VERBS:
        assert refusal(attempt, project.anon, table, verb, column) in REFUSED


@pytest.mark.parametrize("function", doors.FUNCTIONS)
def test_a_visitor_may_ask_for_the_version_only(project, function):
    ask = project.anon.rpc(function, project.arguments(function)).execute

    if function in doors.FOR_EVERYBODY:
        assert ask().data
    else:
        assert refusal(ask) in REFUSED


@pytest.mark.parametrize("table", doors.TABLES)
def test_a_stranger_sees_and_changes_nothing(project, table):
    column, before = project.column[table], project.belongings()

    for verb in doors.ALL_VERBS:
        if verb not in doors.TABLES[table]:
            assert refusal(attempt, project.stranger, table, verb, column) in REFUSED
        elif table not in doors.SHARED_TABLES and verb != "insert":
            columns = sorted(doors.COLUMNS.get((table, verb), ()))
            values = {"sender_name" if table == "contacts" else "name": "stolen"}
            found = attempt(project.stranger, table, verb, column, values if columns else None)
            assert found == []

    assert project.belongings() == before


@pytest.mark.parametrize("function", doors.FOR_OWNERS)
def test_a_stranger_gets_nothing_out_of_a_function(project, function):
    before = project.belongings()

    try:
        answer = project.stranger.rpc(function, project.arguments(function)).execute().data
    except APIError as error:
        answer = error.code
        assert answer == "P0002"

    assert MARK not in json.dumps(answer)
    assert not set(map(str, project.things.values())) & set(json.dumps(answer).split('"'))
    assert without_own_audit(project.belongings()) == without_own_audit(before)


def without_own_audit(belongings):
    """A stranger's fruitless attempts are written down too, as the stranger's."""
    return {**belongings, "ai_automation_audit": None}


@pytest.mark.parametrize("function", {**doors.FOR_WORKERS, **doors.FOR_NOBODY})
def test_a_person_cannot_act_as_a_worker(project, function):
    ask = project.owner.rpc(function, project.arguments(function)).execute

    assert refusal(ask) in REFUSED


@pytest.mark.parametrize("table", doors.TABLES)
def test_an_owner_sees_what_is_hers_and_may_do_no_more_than_is_written_down(project, table):
    column = project.column[table]

    for verb in doors.ALL_VERBS:
        if verb not in doors.TABLES[table]:
            assert refusal(attempt, project.owner, table, verb, column) in REFUSED
    if "select" in doors.TABLES[table]:
        assert attempt(project.owner, table, "select", column)


def test_columns_that_the_system_keeps_are_not_an_owners_to_write(project):
    granted = project.world.rows(
        """
        select c.relname, v.verb, a.attname
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        cross join unnest(array['insert', 'update']) as v (verb)
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
            and has_column_privilege('authenticated', c.oid, a.attnum, v.verb)
        """
    )

    assert {(row["relname"], row["verb"], row["attname"]) for row in granted} == {
        (*place, column) for place, columns in doors.COLUMNS.items() for column in columns
    }


def test_no_role_of_the_api_may_truncate_or_use_a_sequence(project):
    assert not project.world.rows(
        """
        select c.relname, r.role
        from pg_class as c
        cross join unnest(array['anon', 'authenticated', 'service_role']) as r (role)
        where c.relnamespace = 'public'::regnamespace and (
            (c.relkind = 'r' and has_table_privilege(r.role, c.oid, 'truncate, trigger'))
            or (c.relkind = 'S' and has_sequence_privilege(r.role, c.oid, 'usage, select, update'))
        )
        """
    )


@pytest.mark.parametrize(
    "values",
    [
        {"facebook_page_id": "9", "name": "mine", "user_id": "{a}"},
        {"facebook_page_id": "9", "name": "mine", "status": "active"},
    ],
)
def test_a_page_cannot_be_connected_in_somebody_elses_name(project, values):
    values = {**values, **({"user_id": str(project.a["id"])} if "user_id" in values else {})}

    assert refusal(attempt, project.stranger, "facebook_pages", "insert", "id", values) == "42501"


def test_a_rule_cannot_point_at_somebody_elses_page(project):
    rule = {"name": "mine", "page_id": project.things["page"]}
    unknown = {"name": "mine", "page_id": str(uuid.uuid4())}

    refused = [
        refusal(attempt, project.stranger, "ai_automation_rules", "insert", "id", values)
        for values in (rule, unknown)
    ]

    # The same answer for a page that is A's and for one that nobody has.
    assert refused == ["23503", "23503"]


def test_no_row_can_point_at_another_owners_row_whoever_writes_it(project):
    """Every foreign key between owned tables carries the owner."""
    assert not project.world.rows(
        """
        select k.conname
        from pg_constraint as k
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
            and k.confrelid <> 'auth.users'::regclass
            and not exists (
                select 1 from pg_attribute as a
                where a.attrelid = k.conrelid and a.attnum = any(k.conkey) and a.attname = 'user_id'
            )
        """
    )


def test_an_owner_can_use_what_is_hers(project):
    """Isolation that refuses everything would pass the tests above."""
    owner = project.owner
    [page] = (
        owner.table("facebook_pages")
        .insert({"name": "Second page", "facebook_page_id": "222"})
        .execute()
        .data
    )
    [rule] = (
        owner.table("ai_automation_rules")
        .insert({"name": "Second", "page_id": page["id"]})
        .execute()
        .data
    )
    owner.rpc("save_page_token", {"p_page_id": page["id"], "p_encrypted_token": "x"}).execute()
    owner.rpc(
        "import_contacts", {"p_page_id": page["id"], "p_contacts": [{"sender_id": "5"}]}
    ).execute()
    mine = ("page_id", page["id"])

    assert page["user_id"] == rule["user_id"] == str(project.a["id"])
    for table, row, values in (
        ("facebook_pages", ("id", page["id"]), {"name": "Renamed"}),
        ("ai_automation_rules", ("id", rule["id"]), {"daily_limit": 5}),
        ("contacts", mine, {"tags": ["vip"]}),
    ):
        assert len(owner.table(table).update(values).eq(*row).execute().data) == 1
    assert len(owner.table("ai_automation_rules").delete().eq(*mine).execute().data) == 1


def test_an_opt_out_cannot_be_lifted_or_forgotten(project):
    page = project.world.page(project.b)
    contact = project.world.contact(page, opted_out_at=ago(days=1))
    contacts = project.stranger.table("contacts")
    mine = ("id", str(contact["id"]))

    for attempt in (contacts.update({"opted_out_at": None}).eq(*mine), contacts.delete().eq(*mine)):
        with pytest.raises(APIError, match="permission denied"):
            attempt.execute()
