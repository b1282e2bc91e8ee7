"""This file is where a stranger and a visitor try every door, under old and new default grants."""

import uuid

import psycopg
import pytest
from postgrest import APIError

from pipeline.installation import SCHEMA_VERSION
from tests.builders import ago
from tests.database import doors, locks
from tests.database.project import two_owners


@pytest.fixture(scope="module", params=[False, True], ids=["new grants", "old grants"])
def project(request, cluster, tmp_path_factory):
    home = tmp_path_factory.mktemp("gateway")
    with two_owners(cluster, home, old_grants=request.param) as project:
        yield project


def every(check, things, *first):
    """What the check finds, thing by thing: each hole is named, however many there are."""
    return [hole for thing in things for hole in check(*first, thing)]


def test_the_catalogue_has_no_hole(project):
    assert every(locks.broken, locks.RULES, project) == []


def test_every_object_has_a_line_that_says_who_may_use_it(project):
    assert locks.unlisted(project) == []


def test_a_has_something_to_hide_in_every_table(project):
    assert [table for table, rows in project.belongings().items() if not rows] == []


def test_a_role_may_call_what_is_written_down_and_nothing_else(project):
    assert locks.callable_beyond_the_list(project) == []


def test_columns_that_the_system_keeps_are_not_an_owners_to_write(project):
    assert locks.writable_beyond_the_list(project) == []


def test_a_visitor_is_refused_at_every_table(project):
    assert every(locks.open_to, doors.TABLES, project, "anon") == []


def test_a_visitor_is_refused_by_every_function(project):
    functions = {**doors.FOR_OWNERS, **doors.FOR_WORKERS, **doors.FOR_NOBODY}

    assert every(locks.callable_by_a_visitor, functions, project) == []


def test_a_visitor_may_ask_for_the_version_and_gets_no_number_without_the_token(project):
    told = {
        function: project.anon.rpc(function, arguments).execute().data
        for function, arguments in doors.FOR_EVERYBODY.items()
    }
    assert told == {"schema_version": SCHEMA_VERSION, "metrics": None}


def test_a_stranger_sees_and_changes_nothing(project):
    before = project.belongings()

    assert every(locks.open_to, doors.TABLES, project, "stranger") == []
    assert every(locks.reached_by_a_stranger, doors.TABLES, project) == []
    assert project.belongings() == before


def test_a_stranger_gets_nothing_out_of_a_function(project):
    assert every(locks.got_by_a_stranger, doors.FOR_OWNERS, project) == []


def test_a_person_cannot_act_as_a_worker(project):
    codes = {
        function: locks.refusal(project.owner.rpc(function, project.arguments(function)).execute)
        for function in {**doors.FOR_WORKERS, **doors.FOR_NOBODY}
    }

    assert {name: code for name, code in codes.items() if code not in locks.REFUSED} == {}


def test_an_owner_sees_what_is_hers_and_may_do_no_more_than_is_written_down(project):
    assert every(locks.open_to, doors.TABLES, project, "owner") == []
    seen = {
        table: locks.attempt(project.owner, table, "select", project.column[table])
        for table, verbs in doors.TABLES.items()
        if "select" in verbs
    }
    assert [table for table, rows in seen.items() if not rows] == []


@pytest.mark.parametrize("values", [{}, {"user_id": "{a}"}, {"proven_at": "now"}], ids=str)
def test_a_page_is_connected_with_a_token_alone(project, values):
    page = {"facebook_page_id": "9", "name": "mine", **values}
    if "user_id" in values:
        page["user_id"] = str(project.a["id"])

    insert = project.stranger.table("facebook_pages").insert(page).execute
    assert locks.refusal(insert) == "42501"


REFERENCES = """
    select k.conname as name, c.relname as child, p.relname as parent, a.attname as points
    from pg_constraint as k
    inner join pg_class as c on c.oid = k.conrelid
    inner join pg_class as p on p.oid = k.confrelid
    inner join pg_attribute as a
        on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.contype = 'f' and k.connamespace = 'public'::regnamespace and k.conparentid = 0
        and k.confrelid <> 'auth.users'::regclass
    order by k.conname
"""


def test_no_row_can_point_at_another_owners_row_whoever_writes_it(project):
    """Each reference of a row of A's is turned to something of B's that nothing points at yet."""
    bare = things_nobody_points_at(project.world, project.b)
    references = project.world.rows(REFERENCES)

    refused = [turn(project, reference, bare[reference["parent"]]) for reference in references]

    assert len(references) >= 10
    # What contacts' states point at is held by their keys to its page, before its own is asked.
    states = "ai_automation_contact_states"
    by_another = {
        "ai_automation_rules_page_fkey": f"{states}_rule_fkey",
        "contacts_page_fkey": f"{states}_contact_fkey",
    }
    expected = [by_another.get(each["name"], each["name"]) for each in references]
    assert refused == expected


def turn(project, reference, thing):
    """Lets a row of A's point at the thing, by the tables' own maker; what refuses that."""
    child, connection = reference["child"], project.world.connection
    change = (
        f"update public.{child} set {reference['points']} = %s where ctid ="  # noqa: S608
        f" (select ctid from public.{child} where user_id = %s"
        f" order by {reference['points']} is null limit 1) returning 1"
    )
    try:
        with connection.transaction():
            connection.execute(f"alter table public.{child} disable trigger user".encode())
            return connection.execute(change.encode(), [thing, project.a["id"]]).fetchall()
    except psycopg.errors.ForeignKeyViolation as refusal:
        return refusal.diag.constraint_name


def things_nobody_points_at(world, person):
    """One of each kind that others can point at."""
    page = world.page(person)
    world.rows(
        "delete from public.facebook_page_secrets where page_id = %s returning 1", page["id"]
    )
    rule, other = world.rule(page), world.rule(page)
    contact, somebody = world.contact(page), world.contact(page)
    run, state = (
        world.insert(f"public.ai_automation_{table}", user_id=person["id"], **values)
        for table, values in (
            ("runs", {"rule_id": other["id"], "source": "manual"}),
            ("contact_states", {"rule_id": other["id"], "contact_id": somebody["id"]}),
        )
    )
    return {
        "facebook_pages": page["id"],
        "ai_automation_rules": rule["id"],
        "contacts": contact["id"],
        "ai_automation_runs": run["id"],
        "ai_automation_contact_states": state["id"],
    }


def test_what_a_person_may_point_at_through_the_api_is_hers(project):
    """The same answer for a page that is A's and for one that nobody has."""
    points = {reference["points"] for reference in project.world.rows(REFERENCES)}
    open_to_her = {
        (*place, column)
        for place, columns in doors.COLUMNS.items()
        for column in columns
        if column in points
    }
    refused = [
        locks.refusal(project.stranger.table("ai_automation_rules").insert(rule).execute)
        for rule in (
            {"name": "mine", "page_id": project.things["page"]},
            {"name": "mine", "page_id": str(uuid.uuid4())},
        )
    ]

    assert open_to_her == {("ai_automation_rules", "insert", "page_id")}
    assert refused == ["23503", "23503"]


def test_an_owner_can_use_what_is_hers(project):
    """Isolation that refuses everything would pass the tests above."""
    owner = project.owner
    named = {"p_facebook_page_id": "222", "p_name": "Second page", "p_encrypted_token": "x"}
    page_id = owner.rpc("connect_page", named).execute().data
    [page] = owner.table("facebook_pages").select("*").eq("id", page_id).execute().data
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
    assert owner.rpc("delete_rule", {"p_rule_id": rule["id"]}).execute().data["name"] == "Second"


def test_an_opt_out_cannot_be_lifted_or_forgotten(project):
    page = project.world.page(project.b)
    contact = project.world.contact(page, opted_out_at=ago(days=1))
    contacts = project.stranger.table("contacts")
    mine = ("id", str(contact["id"]))

    for attempt in (contacts.update({"opted_out_at": None}).eq(*mine), contacts.delete().eq(*mine)):
        with pytest.raises(APIError, match="permission denied"):
            attempt.execute()
