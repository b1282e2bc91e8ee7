"""This file is where functions called through supabase-py are shown to work as on the platform."""

import asyncio
from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError
from supabase import acreate_client
from supabase.lib.client_options import AsyncClientOptions

from tests.gateway.conftest import Person, Served

CALLS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "a number": ("ping", {"n": 41}, 42),
    "a default": ("ping", {}, 2),
    "a table": ("pair", {}, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
    "a table of one column": ("one_column", {}, [{"sole": 1}, {"sole": 2}]),
    "a set of texts": ("letters", {}, ["a", "b"]),
    "two outputs": ("both", {"a": 1}, {"b": 2, "c": "c"}),
    "the first overload": ("over", {"a": 1}, "int"),
    "the second overload": ("over", {"a": 1, "b": 2}, "int,int"),
    "a list of arguments": ("add_all", {"v": [1, 2, 3]}, 6),
    "letters and bits without a length": (
        "letters_of",
        {"word": "several", "bits": "10101"},
        {"word": "several", "bits": "10101"},
    ),
    "rows of no known type": (
        "rows_of_any",
        {},
        [{"column1": 1, "column2": "x"}, {"column1": 2, "column2": "y"}],
    ),
    "the whole body": ("take", {"any": ["thing"]}, {"took": {"any": ["thing"]}}),
    "by name, although one takes any body": ("pick", {"a": 1}, "by name"),
    "the whole body, where no name fits": ("pick", {"b": 1}, 'whole {"b":1}'),
    "every kind of value": (
        "echo",
        {
            "doc": {"a": [1, None]},
            "list": [1, 2],
            "at": "2026-01-02T03:04:05+01:00",
            "nothing": None,
        },
        {"doc": {"a": [1, None]}, "list": [1, 2], "at": "2026-01-02T02:04:05", "nothing": None},
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_function_gives_its_result(ada: Person, case: str) -> None:
    name, arguments, expected = CALLS[case]

    assert ada.client.rpc(name, arguments).execute().data == expected


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("ping", {"n": 5}, 6),
        (
            "echo",
            {"doc": {"a": 1}, "list": [1, 2], "at": "2026-01-02T03:04:05Z"},
            {"doc": {"a": 1}, "list": [1, 2], "at": "2026-01-02T03:04:05", "nothing": "unset"},
        ),
        # supabase-py sends None as an empty text.
        (
            "echo",
            {"doc": {"a": True}, "list": [], "at": "2026-01-02T03:04:05Z", "nothing": None},
            {"doc": {"a": True}, "list": [], "at": "2026-01-02T03:04:05", "nothing": ""},
        ),
    ],
)
def test_a_function_can_be_read_by_get(
    ada: Person, name: str, arguments: dict[str, Any], expected: Any
) -> None:
    assert ada.client.rpc(name, arguments, get=True).execute().data == expected


def test_a_list_of_arguments_is_read_from_a_repeated_parameter(
    gateway: Served, ada: Person
) -> None:
    answer = gateway.raw("GET", "/rest/v1/rpc/add_all?v=1&v=2&v=4", token=ada.token)

    assert answer.json() == 7


def test_a_function_that_gives_nothing_answers_204(gateway: Served, ada: Person) -> None:
    answer = gateway.raw("POST", "/rest/v1/rpc/nothing", token=ada.token, json={"x": 1})

    assert (answer.status_code, answer.text) == (204, "")


@pytest.mark.usefixtures("items")
def test_rows_of_a_function_can_be_filtered_ordered_and_counted(ada: Person) -> None:
    query = ada.client.rpc("search_items", {"q": "n", "max_rows": 50}).select("name")
    assert query.gte("qty", 8).order("qty", desc=True).limit(1).execute().data == [{"name": "n9"}]

    for options in ({}, {"get": True}):
        call = ada.client.rpc("search_items", {"q": "n", "max_rows": 50}, count="exact", **options)
        page = call.limit(2).execute()
        assert (page.count, len(page.data)) == (10, 2)

    call = ada.client.rpc("search_items", {"q": "n", "max_rows": 50}, head=True, count="exact")
    assert call.execute().count == 10


@pytest.mark.usefixtures("items")
def test_a_function_may_write_only_when_posted_to_and_volatile(gateway: Served) -> None:
    service = gateway.service

    assert len(service.rpc("claim", {"n": 3}).execute().data) == 3
    for call in (service.rpc("claim", {"n": 3}, get=True), service.rpc("stable_claim")):
        with pytest.raises(APIError) as refused:
            call.execute()
        assert refused.value.code in ("25006", "0A000")


def test_the_caller_is_who_their_token_or_key_says(gateway: Served, ada: Person) -> None:
    def seen(client: Any) -> Any:
        found = client.rpc("whoami").execute().data
        return found["user"], found["session"], found["uid"], found["role"], found["timeout"]

    assert seen(ada.client) == ("authenticated", "authenticator", ada.id, "authenticated", "8s")
    assert seen(gateway.client()) == ("anon", "authenticator", None, "anon", "3s")
    assert seen(gateway.service) == ("service_role", "authenticator", None, "service_role", "8s")


def test_a_function_sees_the_request(gateway: Served, ada: Person) -> None:
    answer = gateway.raw(
        "GET",
        "/rest/v1/rpc/whoami",
        token=ada.token,
        headers={"User-Agent": "tester", "Prefer": "timezone=Europe/Berlin"},
    )

    found = answer.json()
    assert (found["method"], found["url"], found["agent"]) == ("GET", "/rpc/whoami", "tester")
    assert (found["zone"], found["path"]) == ("Europe/Berlin", '"public", "extensions"')
    assert answer.headers["preference-applied"] == "timezone=Europe/Berlin"


def test_a_function_may_set_status_and_headers(gateway: Served, ada: Person) -> None:
    answer = gateway.raw("POST", "/rest/v1/rpc/teapot", token=ada.token, json={})

    assert (answer.status_code, answer.json()) == (418, {"short": "stout"})
    assert (answer.headers["x-pot"], answer.headers["cache-control"]) == ("tea", "no-store")


def test_a_functions_own_time_limit_and_isolation_hold_for_its_request(ada: Person) -> None:
    with pytest.raises(APIError) as refused:
        ada.client.rpc("doze_shortly", {"seconds": 5}).execute()

    assert refused.value.code == "57014"
    assert ada.client.rpc("isolation").execute().data == "serializable"


def test_nothing_set_for_the_session_reaches_the_next_request(gateway: Served, ada: Person) -> None:
    for _ in range(4):
        assert ada.client.rpc("leave_behind").execute().data == "behind"
    for _ in range(12):
        assert gateway.service.rpc("left_behind").execute().data is None


RAISED = {
    "PT402": (402, "PT402"),
    "P0001": (400, "P0001"),
    "42501": (403, "42501"),
    "23503": (409, "23503"),
    "28000": (403, "28000"),
    "40001": (500, "40001"),
    "53300": (503, "53300"),
    "22012": (400, "22012"),
    "PTABC": (500, "PTABC"),
}


@pytest.mark.parametrize("code", RAISED)
def test_what_a_function_raises_has_its_status(gateway: Served, ada: Person, code: str) -> None:
    body = {"code": code, "msg": "no"}

    answer = gateway.raw("POST", "/rest/v1/rpc/fail", token=ada.token, json=body)

    assert (answer.status_code, answer.json()["code"]) == RAISED[code]
    assert answer.json() == {
        "code": code,
        "message": "no",
        "details": "some detail",
        "hint": "some hint",
    }


def test_a_function_may_shape_the_whole_refusal(gateway: Served, ada: Person) -> None:
    message = '{"code": "MINE", "message": "pay", "details": "d", "hint": "h"}'
    detail = '{"status": 402, "headers": {"X-Why": "money"}}'
    body = {"code": "PGRST", "msg": message, "det": detail}

    answer = gateway.raw("POST", "/rest/v1/rpc/fail", token=ada.token, json=body)

    assert (answer.status_code, answer.json()["code"]) == (402, "MINE")
    assert answer.headers["x-why"] == "money"

    body["det"] = "nonsense"
    answer = gateway.raw("POST", "/rest/v1/rpc/fail", token=ada.token, json=body)
    assert (answer.status_code, answer.json()["code"]) == (500, "PGRST121")


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown function": ("nope", {"x": 1}, "PGRST202"),
    "unknown arguments": ("ping", {"m": 1}, "PGRST202"),
    "a missing argument": ("search_items", {}, "PGRST202"),
    "two that fit": ("unclear", {"a": 1}, "PGRST203"),
    "a value of the wrong type": ("ping", {"n": "x"}, "22P02"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_call_is_refused_with_its_code(ada: Person, case: str) -> None:
    name, arguments, code = REFUSED[case]

    with pytest.raises(APIError) as refused:
        ada.client.rpc(name, arguments).execute()

    assert refused.value.code == code


def test_a_function_without_a_grant_is_refused(gateway: Served) -> None:
    answer = gateway.raw("POST", "/rest/v1/rpc/pair", json={})

    assert (answer.status_code, answer.json()["code"]) == (401, "42501")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_argument_is_answered_with_the_right_ones(ada: Person) -> None:
    with pytest.raises(APIError) as refused:
        ada.client.rpc("people_of", {"teams": 1}).execute()

    assert refused.value.hint == "Perhaps you meant to call the function public.people_of(team)"


def test_a_large_body_comes_back_whole(ada: Person) -> None:
    rows = [{"number": number, "text": "é" * 1000} for number in range(3000)]

    assert ada.client.rpc("take", {"rows": rows}).execute().data == {"took": {"rows": rows}}


def test_more_questions_than_a_connection_remembers(ada: Person) -> None:
    for number in range(450):
        answer = ada.client.rpc("pair").select(f"a{number}:a").execute()
        assert answer.data == [{f"a{number}": 1}, {f"a{number}": 2}]


def test_fifty_calls_at_once_each_get_their_own_answer(gateway: Served, ada: Person) -> None:
    async def call() -> list[Any]:
        async with httpx.AsyncClient() as http:
            options = AsyncClientOptions(
                httpx_client=http,
                headers={"Authorization": f"Bearer {ada.token}"},
                auto_refresh_token=False,
                persist_session=False,
            )
            config = gateway.config
            client = await acreate_client(config.url, config.publishable_key, options)
            calls = (client.rpc("ping", {"n": n}).execute() for n in range(50))
            return [answer.data for answer in await asyncio.gather(*calls)]

    assert asyncio.run(call()) == list(range(1, 51))
