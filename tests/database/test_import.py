"""This file is where contacts come from a file: bad rows are named by line, the others go in."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.builders import PASSWORD, ago
from tests.database.acting import call_as

ARABIC = "أحمد بن عبد الله"
COMBINED = "Ame\u0301lie N\u0303 \u0e01\u0e34\u0e48 👩‍👩‍👧‍👦"


@pytest.fixture
def page(shared_world):
    return shared_world.page(shared_world.user())


@pytest.fixture
def bring(shared_world, page):
    """Imports rows into the page as its owner."""

    def call(*rows):
        owner = {"id": page["user_id"]}
        return call_as(
            shared_world, owner, "import_contacts", p_page_id=page["id"], p_contacts=Jsonb(rows)
        )

    return call


@pytest.fixture
def stored(shared_world, page):
    """The contacts of the page, by sender_id."""

    def rows():
        found = shared_world.rows("select * from public.contacts where page_id = %s", page["id"])
        return {row["sender_id"]: row for row in found}

    return rows


def good(number=1, **values):
    return {"line": number + 1, "sender_id": f"50{number}", "name": "Ana", **values}


def test_a_whole_row_is_stored_as_it_was_given(bring, stored):
    answer = bring(
        good(
            name="  Ana Müller ",
            tags="Class; AUTUMN|class, vip,new ,",
            time_zone="Europe/Berlin",
            last_message_at="2026-06-01T12:00:00+02:00",
        )
    )

    [contact] = stored().values()
    assert answer == {"imported": 1, "updated": 0, "rejected": []}
    assert contact["sender_name"] == "Ana Müller"
    assert contact["tags"] == ["autumn", "class", "new", "vip"]
    assert contact["time_zone"] == "Europe/Berlin"
    assert contact["last_inbound_at"] == datetime(2026, 6, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"sender_id": ""}, "sender_id is missing"),
        ({"sender_id": None}, "sender_id is missing"),
        ({"sender_id": "   "}, "sender_id is missing"),
        ({"sender_id": "9" * 201}, "sender_id is longer than 200 characters"),
        ({"name": "x" * 301}, "name is longer than 300 characters"),
        ({"name": "x" * 1_000_000}, "name is longer than 300 characters"),
        ({"sender_id": "9" * 1_000_000}, "sender_id is longer than 200 characters"),
        ({"tags": [f"tag {n}" for n in range(101)]}, "more than 100 tags"),
        ({"tags": "x" * 1_000_000}, "a tag is longer than 100 characters"),
        ({"tags": ["fine", "x" * 101]}, "a tag is longer than 100 characters"),
        ({"time_zone": "Berlin"}, 'time_zone "Berlin" is not a zone name such as Europe/Berlin'),
        ({"time_zone": "+02:00"}, 'time_zone "+02:00" is not a zone name such as Europe/Berlin'),
        ({"time_zone": "z" * 1_000_000}, f'time_zone "{"z" * 60}" is not a zone name'),
        ({"last_message_at": "yesterday evening"}, "last_message_at is not a moment such as"),
        ({"last_message_at": "2026-02-30"}, "last_message_at is not a moment such as"),
        ({"last_message_at": "infinity"}, "last_message_at is not a moment such as"),
        ({"last_message_at": "-infinity"}, "last_message_at is not a moment such as"),
        ({"last_message_at": "11/12/2026"}, "last_message_at is not a moment such as"),
        ({"last_message_at": "0044-03-15 BC"}, "last_message_at lies before there was Facebook"),
        ({"sender_id": "8.8E+14"}, "sender_id was shortened by a spreadsheet"),
        ({"sender_id": "amina.diallo"}, "sender_id is not a number: Facebook's ids of people"),
        ({"sender_id": "12 34"}, "sender_id is not a number"),
        ({"sender_id": "١٢٣"}, "sender_id is not a number"),
        ({"last_message_at": "now"}, "last_message_at is not a moment such as"),
        ({"last_message_at": "x" * 1_000_000}, "last_message_at is not a moment such as"),
        ({"last_message_at": "2999-01-01"}, "last_message_at lies in the future"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_row_is_named_by_its_line_and_the_others_go_in(bring, stored, row, reason):
    answer = bring(good(1), good(2, **row), good(3))

    [rejected] = answer["rejected"]
    assert answer["imported"] == 2
    assert rejected["line"] == 3
    assert rejected["reason"].startswith(reason)
    assert len(rejected["reason"]) < 200
    assert sorted(stored()) == ["501", "503"]


@pytest.mark.parametrize("junk", ["a text", 7, None, ["a", "list"], {}])
def test_what_is_not_a_row_is_rejected_by_its_place(bring, stored, junk):
    answer = bring(good(1), junk)

    assert answer["rejected"] == [{"line": 2, "reason": "sender_id is missing"}]
    assert list(stored()) == ["501"]


@pytest.mark.parametrize("line", ["seven", "", None, 2.5, 10**12])
def test_a_line_that_is_no_number_is_the_place_in_the_list(bring, line):
    answer = bring({"line": line, "sender_id": ""})

    assert answer["rejected"] == [{"line": 1, "reason": "sender_id is missing"}]


def test_of_two_rows_for_one_contact_the_later_is_rejected(bring, stored):
    answer = bring(good(1, name="First"), good(2), good(1, name="Second", line=9))

    assert answer["rejected"] == [{"line": 9, "reason": "sender_id 501 stands on an earlier line"}]
    assert stored()["501"]["sender_name"] == "First"


def test_importing_again_updates_and_never_moves_the_last_message_back(bring, stored):
    later, earlier = ago(hours=1), ago(hours=9)
    bring(good(1, last_message_at=later.isoformat(), time_zone="Asia/Kolkata", tags="a"))

    again = bring(good(1, last_message_at=earlier.isoformat(), tags=["b"], name=""))
    unknown = bring(good(1, last_message_at=None, name="Ana Maria"))
    [kept] = stored().values()
    newer = bring(good(1, last_message_at=(later + timedelta(minutes=5)).isoformat()))

    [contact] = stored().values()
    assert {answer["updated"] for answer in (again, unknown, newer)} == {1}
    assert {answer["imported"] for answer in (again, unknown, newer)} == {0}
    assert kept["last_inbound_at"] == later
    assert contact["last_inbound_at"] == later + timedelta(minutes=5)
    assert contact["sender_name"] == "Ana"
    assert contact["tags"] == ["a", "b"]
    assert contact["time_zone"] == "Asia/Kolkata"


def test_tags_that_would_grow_beyond_the_limit_reject_their_row_only(bring, stored):
    bring(good(1, tags=[f"old {n}" for n in range(60)]))

    answer = bring(good(1, tags=[f"new {n}" for n in range(60)]), good(2))

    assert answer["imported"] == 1
    assert answer["rejected"] == [{"line": 2, "reason": "more than 100 tags with those it has"}]
    assert len(stored()["501"]["tags"]) == 60


def test_a_thousand_rows_go_in_and_one_more_is_refused_whole(bring, stored):
    rows = [good(number, time_zone="Asia/Kathmandu") for number in range(1, 1002)]

    with pytest.raises(psycopg.errors.InvalidParameterValue, match="at most 1000"):
        bring(*rows)
    nothing = stored()
    answer = bring(*rows[:1000])

    assert nothing == {}
    assert answer["imported"] == len(stored()) == 1000


@pytest.mark.parametrize("contacts", [{}, "x", 5, None, {"sender_id": "1"}])
def test_what_is_not_a_list_is_refused(shared_world, page, contacts):
    owner = {"id": page["user_id"]}

    with pytest.raises(psycopg.errors.InvalidParameterValue, match="a list"):
        call_as(
            shared_world, owner, "import_contacts", p_page_id=page["id"], p_contacts=Jsonb(contacts)
        )


@pytest.mark.parametrize("name", [ARABIC, COMBINED, "\u202eevil\u202c", "a\u200bb", "'; --", "<b>"])
def test_every_script_is_stored_exactly(bring, stored, name):
    bring(good(1, name=name, tags=[name.lower()]))

    assert stored()["501"]["sender_name"] == name
    assert stored()["501"]["tags"] == [name.lower()]


def test_somebody_elses_page_does_not_exist(shared_world, page, stored):
    stranger = shared_world.user()

    with pytest.raises(psycopg.ProgrammingError, match="This page does not exist"):
        call_as(
            shared_world,
            stranger,
            "import_contacts",
            p_page_id=page["id"],
            p_contacts=Jsonb([good(1)]),
        )
    assert stored() == {}


def test_a_contact_with_the_same_id_on_another_page_is_another_contact(shared_world, bring, page):
    other = shared_world.page({"id": page["user_id"]})
    shared_world.contact(other, sender_id="501", sender_name="Somebody else")

    assert bring(good(1))["imported"] == 1


@pytest.mark.parametrize(
    "bad", ["\\u0000", "\\ud800", "\\udc00\\ud800"], ids=["NUL", "half", "swapped"]
)
def test_text_that_cannot_be_stored_is_refused_whole_with_a_clear_error(supabase, world, bad):
    page = world.page(world.user("a@example.com"))
    body = {"p_page_id": str(page["id"]), "p_contacts": [good(1), good(2, name="BAD"), good(3)]}

    with httpx.Client(base_url=supabase.url, headers={"apikey": supabase.publishable_key}) as http:
        signed_in = http.post(
            "/auth/v1/token?grant_type=password",
            json={"email": "a@example.com", "password": PASSWORD},
        ).json()
        answer = http.post(
            "/rest/v1/rpc/import_contacts",
            content=json.dumps(body).replace("BAD", bad).encode(),
            headers={
                "content-type": "application/json",
                "authorization": f"Bearer {signed_in['access_token']}",
            },
        )

    assert answer.status_code == 400
    assert answer.json()["message"]
    assert world.rows("select * from public.contacts") == []
