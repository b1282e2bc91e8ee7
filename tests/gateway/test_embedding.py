"""This file is where rows of other tables inside a row are shown to be those that belong to it."""

from typing import Any

import pytest

from tests.gateway.conftest import Person, Served

# Each request with its answer, as PostgREST gives it.
ANSWERS: dict[str, tuple[str, Any]] = {
    "to one": (
        "people?select=name,badges(colour)&id=lte.2&order=id",
        # Row level security holds inside, too: Bob's is blue.
        [{"name": "Ada", "badges": {"colour": "red"}}, {"name": "Bob", "badges": None}],
    ),
    "to many, ordered and cut": (
        "teams?select=name,members(person_id)&members.order=person_id.desc&members.limit=2&id=neq.2&order=id",
        [
            {"name": "North", "members": [{"person_id": 3}, {"person_id": 2}]},
            {"name": "Empty", "members": []},
        ],
    ),
    "through a third table, named as the hint": (
        "people?select=name,skills!person_skills(name)&skills.order=name&id=in.(1,2)&order=id",
        [
            {"name": "Ada", "skills": [{"name": "sql"}, {"name": "tea"}]},
            {"name": "Bob", "skills": []},
        ],
    ),
    "by a key, by a column, and with other names": (
        "teams?select=name,boss:people!teams_lead_id_fkey(name),host_id(name)&id=eq.1",
        [{"name": "North", "boss": {"name": "Ada"}, "host_id": {"name": "Bob"}}],
    ),
    "to itself, both ways": (
        "people?select=name,boss_id(name),people(name)&people.order=name&id=eq.2",
        [{"name": "Bob", "boss_id": {"name": "Ada"}, "people": [{"name": "Dee"}]}],
    ),
    "three deep": (
        "teams?select=members(people(name,badges(colour)))&members.person_id=eq.1&id=eq.1",
        [{"members": [{"people": {"name": "Ada", "badges": {"colour": "red"}}}]}],
    ),
    "only those with a match": (
        "teams?select=name,members!inner(person_id)&members.or=(person_id.eq.4,person_id.gt.90)",
        [{"name": "South", "members": [{"person_id": 4}]}],
    ),
    "only those without": ("teams?select=name,members()&members=is.null", [{"name": "Empty"}]),
    "only those with, and not shown": (
        "teams?select=name,members()&members=not.is.null&order=name.desc",
        [{"name": "South"}, {"name": "North"}],
    ),
    "spread": (
        "teams?select=name,...people!lead_id(lead:name,badges(colour))&order=id&limit=2",
        [
            {"name": "North", "lead": "Ada", "badges": {"colour": "red"}},
            {"name": "South", "lead": "Bob", "badges": None},
        ],
    ),
    "counted": (
        "skills?select=name,person_skills(count)&id=eq.2",
        [{"name": "tea", "person_skills": [{"count": 2}]}],
    ),
    "in the rows of a function": (
        "rpc/people_of?team=1&select=initial,badges!inner(colour)&order=initial",
        [{"initial": "A", "badges": {"colour": "red"}}],
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_rows_stand_inside_the_rows_they_belong_to(gateway: Served, ada: Person, case: str) -> None:
    request, expected = ANSWERS[case]

    answer = gateway.raw("GET", f"/rest/v1/{request}", token=ada.token)

    assert answer.json() == expected


def test_supabase_py_narrows_what_is_inside(ada: Person) -> None:
    query = ada.client.table("teams").select("name, members!inner(person_id)", count="exact")
    query = query.or_("person_id.eq.4,person_id.gt.90", reference_table="members")

    found = query.order("person_id", foreign_table="members").execute()

    assert (found.data, found.count) == ([{"name": "South", "members": [{"person_id": 4}]}], 1)


def test_a_write_answers_with_what_belongs_to_the_row(gateway: Served, ada: Person) -> None:
    prefer = {"Prefer": "return=representation"}
    path = "/rest/v1/teams?select=name,lead_id(name),members(person_id)"
    body = {"id": 9, "name": "West", "lead_id": 3}

    added = gateway.raw("POST", path, token=ada.token, headers=prefer, json=body)
    body = {"lead_id": 4}
    changed = gateway.raw("PATCH", f"{path}&id=eq.9", token=ada.token, headers=prefer, json=body)
    gateway.raw("DELETE", "/rest/v1/teams?id=eq.9", token=ada.token)

    assert added.json() == [{"name": "West", "lead_id": {"name": "Cy"}, "members": []}]
    assert changed.json() == [{"name": "West", "lead_id": {"name": "Dee"}, "members": []}]


def test_a_long_name_is_not_mistaken_for_its_own_parent(gateway: Served, ada: Person) -> None:
    path = f"/rest/v1/{'n' * 63}?select=id,up(id)&order=id"

    answer = gateway.raw("GET", path, token=ada.token)

    assert answer.json() == [{"id": 1, "up": None}, {"id": 2, "up": {"id": 1}}]


REFUSED = {
    "no way": ("items?select=*,people(*)", 400, "PGRST200"),
    "a partition's own way": ("people?select=name,visits_2026(id)", 400, "PGRST200"),
    "two ways": ("teams?select=name,people(name)", 300, "PGRST201"),
    "a filter on what is not there": ("teams?select=name&members.person_id=eq.1", 400, "PGRST108"),
    "a column that is not there": ("teams?select=name,members(nope)", 400, "42703"),
    "a view": ("team_names?select=name,people(name)", 400, "PGRST127"),
    "a view as the other": ("people?select=name,team_names(name)", 400, "PGRST127"),
    "a third table with views": ("people?select=name,skills(name)", 400, "PGRST127"),
    "a function": ("people?select=name,friends(name)", 400, "PGRST127"),
    "spread to many": ("teams?select=name,...members(person_id)", 400, "PGRST127"),
    "too many": ("people?select=" + "people(" * 30 + "name" + ")" * 30, 400, "PGRST100"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_stand_inside_is_refused(gateway: Served, ada: Person, case: str) -> None:
    request, status, code = REFUSED[case]

    answer = gateway.raw("GET", f"/rest/v1/{request}", token=ada.token)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_several_ways_are_listed(gateway: Served, ada: Person) -> None:
    refused = gateway.raw("GET", "/rest/v1/teams?select=people(name)", token=ada.token).json()

    assert {way["relationship"] for way in refused["details"]} == {
        "teams_lead_id_fkey using teams(lead_id) and people(id)",
        "teams_host_id_fkey using teams(host_id) and people(id)",
        "members using members_team_id_fkey(team_id) and members_person_id_fkey(person_id)",
    }
    assert "'people!teams_lead_id_fkey'" in refused["hint"]
    assert "'people!members'" in refused["hint"]
