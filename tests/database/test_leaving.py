"""This file is where a person leaves, and everything that was theirs goes along."""

import httpx
import pytest
from postgrest import APIError
from supabase import ClientOptions, create_client

from tests.database import books, doors
from tests.database.acting import Worker, run_now
from tests.database.project import belongings_of

OURS = [table for table in doors.TABLES if table.startswith(("ai_", "contact", "facebook"))]
WITHOUT_OWNER = {
    *doors.SHARED_TABLES,
    "ai_automation_workers",
    "contact_tombstone_keys",
    "contact_deletions",
    "facebook_events",
    "facebook_receivers",
    "ai_automation_roll_up_marks",
}


def rows_of(world, person):
    """How many rows a person has, table by table."""
    return {
        table: world.rows(
            f"select count(*) as rows from public.{table} where user_id = %s",  # noqa: S608
            person["id"],
        )[0]["rows"]
        for table in OURS
        if table not in WITHOUT_OWNER and not table.endswith("_contacts")
    }


@pytest.fixture
def two(world):
    """Two owners with something in every table."""
    people = [world.user("a@example.com"), world.user("b@example.com")]
    for person in people:
        belongings_of(world, person)
    return people


def test_a_deleted_account_leaves_nothing_behind_and_nobody_else_notices(supabase, world, two):
    leaving, staying = two
    before = [rows_of(world, person) for person in two]

    with httpx.Client() as http:
        options = ClientOptions(httpx_client=http)
        service = create_client(supabase.url, supabase.secret_key, options)
        service.auth.admin.delete_user(str(leaving["id"]))

    assert min(before[0].values()) > 0
    assert set(rows_of(world, leaving).values()) == {0}
    assert rows_of(world, staying) == before[1]


def test_a_contact_who_is_deleted_leaves_the_books_right(world):
    page = world.page(world.user())
    rule, worker = world.rule(page), Worker(world.connection)
    contacts = [world.contact(page) for _ in range(6)]
    run_now(world, rule)
    worker.check(4)
    worker.write(3)
    worker.send(2)

    for contact in contacts[::2]:
        world.rows("delete from public.contacts where id = %s returning 1", contact["id"])

    states = world.rows(books.STATES, rule["id"])
    assert len(states) == 3
    books.check_runs(world, rule, states)
    books.check_counts(world, rule)
    books.check_histories(world, rule, states)
    books.check_attempts(world, rule, states)


@pytest.mark.parametrize(
    "history", ["ai_automation_stage_events", "ai_automation_attempts", "ai_automation_follow_ups"]
)
def test_a_contact_who_is_deleted_takes_the_history_along(world, two, history):
    count = f"select count(*) as rows from public.{history} where user_id = %s"  # noqa: S608
    page = "delete from public.contacts where user_id = %s returning 1"

    world.rows(page, two[0]["id"])

    assert world.rows(count, two[0]["id"]) == [{"rows": 0}]
    assert world.rows(count, two[1]["id"])[0]["rows"] > 0


@pytest.mark.parametrize("history", ["ai_automation_stage_events", "ai_automation_follow_ups"])
def test_nobody_writes_history_by_hand_not_even_with_the_secret_key(supabase, two, history):
    with httpx.Client() as http:
        options = ClientOptions(httpx_client=http)
        service = create_client(supabase.url, supabase.secret_key, options)

        with pytest.raises(APIError, match="permission denied"):
            service.table(history).insert({"user_id": str(two[0]["id"]), "state_id": 1}).execute()
