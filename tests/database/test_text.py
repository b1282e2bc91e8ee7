"""This file is where text of every kind comes in: stored exactly, or refused with a clear error."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.database.acting import change
from tests.database.project import two_owners

MARKS = "e" + "\u0301" * 10_000
RIGHT_TO_LEFT = "\u202bقهوة طازجة كل صباح\u202c \u200fשלום"
LONG = "x" * 1_000_000
# As they stand in JSON: Python's own encoders would refuse to write the second.
UNSTORABLE = {"NUL": r"a\u0000b", "half a surrogate pair": r"a\ud800b"}


@dataclass(frozen=True)
class Place:
    """Where text comes in: the request, with TEXT in its place, and what it is limited to."""

    path: str
    body: dict
    stored: str
    method: str = "POST"
    limit: int = 0


REVIEW = "a message in review"
RULE = {"name": "n", "page_id": "{page}"}
PLACES = {
    "a contact's name in a file": Place(
        "rpc/import_contacts",
        {"p_page_id": "{page}", "p_contacts": [{"sender_id": "55", "name": "TEXT"}]},
        "select sender_name from public.contacts where sender_id = '55'",
        limit=300,
    ),
    "a tag in a file": Place(
        "rpc/import_contacts",
        {"p_page_id": "{page}", "p_contacts": [{"sender_id": "56", "tags": ["TEXT"]}]},
        "select unnest(tags) from public.contacts where sender_id = '56'",
        limit=100,
    ),
    "a contact's name": Place(
        "contacts?id=eq.{contact}",
        {"sender_name": "TEXT"},
        "select sender_name from public.contacts where id = '{contact}'",
        "PATCH",
        limit=300,
    ),
    "a contact's tag": Place(
        "contacts?id=eq.{contact}",
        {"tags": ["TEXT"]},
        "select tags[1] from public.contacts where id = '{contact}'",
        "PATCH",
        limit=100,
    ),
    "a new rule's name": Place(
        "ai_automation_rules",
        {**RULE, "name": "TEXT"},
        "select name from public.ai_automation_rules where id <> '{rule}'",
        limit=120,
    ),
    "a rule's prompt": Place(
        "ai_automation_rules?id=eq.{rule}",
        {"prompt": "TEXT"},
        "select prompt from public.ai_automation_rules where id = '{rule}'",
        "PATCH",
        limit=8000,
    ),
    "a rule's language": Place(
        "ai_automation_rules?id=eq.{rule}",
        {"language": "TEXT"},
        "select language from public.ai_automation_rules where id = '{rule}'",
        "PATCH",
        limit=100,
    ),
    "a rule's model": Place(
        "ai_automation_rules?id=eq.{rule}",
        {"model": "TEXT"},
        "select model from public.ai_automation_rules where id = '{rule}'",
        "PATCH",
        limit=100,
    ),
    "a rule's tag": Place(
        "ai_automation_rules?id=eq.{rule}",
        {"include_tags": ["TEXT"]},
        "select include_tags[1] from public.ai_automation_rules where id = '{rule}'",
        "PATCH",
        limit=100,
    ),
    "a page's name": Place(
        "facebook_pages?id=eq.{page}",
        {"name": "TEXT"},
        "select name from public.facebook_pages where id = '{page}'",
        "PATCH",
        limit=200,
    ),
    REVIEW: Place(
        "rpc/approve_message",
        {"p_state_id": "{ready}", "p_text": "TEXT"},
        "select generated_message from public.ai_automation_contact_states where id = {ready}",
        limit=1990,
    ),
}


@pytest.fixture(scope="module")
def project(cluster, tmp_path_factory):
    home = tmp_path_factory.mktemp("gateway")
    with two_owners(cluster, home, old_grants=False) as project:
        yield project


@pytest.fixture(scope="module")
def say(project) -> Iterator[Callable[[Place, str], httpx.Response]]:
    """Sends the text, written as JSON writes it, to a place; as the owner, byte for byte."""
    url, headers = str(project.owner.rest_url).rstrip("/"), dict(project.owner.options.headers)

    def send(place, text):
        body = json.dumps(place.body).replace("TEXT", text)
        for name, thing in project.things.items():
            body = body.replace(f'"{{{name}}}"', json.dumps(thing))
        return http.request(
            place.method,
            f"{url}/{place.path.format_map(project.things)}",
            content=body.encode(),
            headers={
                **headers,
                "apikey": project.owner.supabase_key,
                "content-type": "application/json",
            },
        )

    with httpx.Client() as http:
        yield send


def stored(project, place):
    return [
        next(iter(row.values()))
        for row in project.world.rows(place.stored.format_map(project.things))
    ]


@pytest.mark.parametrize("text", UNSTORABLE)
@pytest.mark.parametrize("place", PLACES)
def test_what_cannot_be_stored_is_refused_by_name(project, say, place, text):
    before = stored(project, PLACES[place])

    answer = say(PLACES[place], UNSTORABLE[text])

    assert answer.status_code == 400
    # PostgREST has read the JSON before: to it, half a pair is none.
    assert "nicode" in answer.text or answer.json()["code"] == "PGRST102"
    assert stored(project, PLACES[place]) == before


@pytest.mark.parametrize("text", [LONG, MARKS], ids=["a million letters", "10,000 marks"])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_too_long_is_refused_with_the_reason(project, say, place, text):
    before = stored(project, PLACES[place])

    answer = say(PLACES[place], text)

    told = answer.json()
    if "rejected" in told:
        [row] = told["rejected"]
        told = {"message": row["reason"]}
    else:
        assert answer.status_code == 400
    assert re.search("longer than|too long|_fits", told["message"])
    assert len(told["message"]) < 200
    assert stored(project, PLACES[place]) == before


SCRIPTS = {
    "right to left": RIGHT_TO_LEFT,
    "marks": MARKS[:60],
    "JSON": '{"a": [1]}',
    "invisible": "a\u200b\u2066b 👩‍👩‍👧",
    "SQL": "'; drop table x; --",
}
# What nobody could read may be stored, and may not be sent.
UNREADABLE = {"marks", "invisible"}


@pytest.mark.parametrize("text", SCRIPTS)
@pytest.mark.parametrize("place", [place for place in PLACES if place != REVIEW])
def test_every_script_is_stored_as_it_was_written(project, say, place, text):
    answer = say(PLACES[place], json.dumps(SCRIPTS[text])[1:-1])

    assert answer.is_success, answer.text
    assert SCRIPTS[text] in stored(project, PLACES[place])


@pytest.mark.parametrize("text", SCRIPTS)
def test_every_script_is_approved_if_it_can_be_read(project, say, text):
    # Other tests have given the automation tags that nobody has.
    change(project.world, "ai_automation_rules", {"id": project.things["rule"]}, include_tags=[])
    before = stored(project, PLACES[REVIEW])

    answer = say(PLACES[REVIEW], json.dumps(SCRIPTS[text])[1:-1])

    assert (answer.json().get("code") == "22023") == (text in UNREADABLE), answer.text
    expected = before if text in UNREADABLE else [SCRIPTS[text]]
    assert stored(project, PLACES[REVIEW]) == expected


@pytest.mark.parametrize(
    # A search minds no marks: one letter that is in nobody's name stays of these.
    "text",
    [LONG, MARKS.replace("e", "q"), RIGHT_TO_LEFT, "%", "_", "\\", "(", "[a"],
    ids=lambda text: text[:3],
)
def test_a_search_finds_its_words_or_nothing(project, say, text):
    search = Place("rpc/monitor_snapshot", {"p_rule_id": "{rule}", "p_search": "TEXT"}, "")

    answer = say(search, json.dumps(text)[1:-1])

    assert answer.status_code == 200
    assert answer.json()["totals"]["matching"] == 0


@pytest.mark.parametrize("text", UNSTORABLE)
def test_a_search_for_what_cannot_be_stored_is_refused(say, text):
    search = Place("rpc/monitor_snapshot", {"p_rule_id": "{rule}", "p_search": "TEXT"}, "")

    assert say(search, UNSTORABLE[text]).status_code == 400


def test_a_reason_is_kept_as_far_as_a_card_shows_it(project, say):
    reject = Place("rpc/reject_message", {"p_state_id": "{ready}", "p_reason": "TEXT"}, "")
    states = "select status_message from public.ai_automation_contact_states where id = %s"

    refused = [say(reject, text).status_code for text in UNSTORABLE.values()]
    answer = say(reject, LONG)

    assert refused == [400, 400]
    assert answer.status_code == 200
    assert project.world.rows(states, project.things["ready"]) == [{"status_message": "x" * 300}]
