"""This file is where a stranger tries the monitor with somebody else's ids, and with nonsense."""

import secrets
from typing import Any

import httpx
import pytest

from tests.builders import PASSWORD, Row, World
from tests.pages.conftest import waiting
from tests.running import Stack

CALLBACK = "/_dash-update-component"
NONSENSE: list[Any] = [
    None,
    1,
    True,
    "x",
    [],
    {},
    {"id": "x"},
    {"id": -1},
    {"id": 2**70},
    {"id": {}},
]


@pytest.fixture
def http(stack: Stack) -> Any:
    with httpx.Client(base_url=stack.dashboard_url, trust_env=False) as client:
        yield client


@pytest.fixture
def owned(people: World) -> Row:
    """A message of A that waits for review; nobody but A may touch it."""
    owner = people.user(f"{secrets.token_hex(6)}@example.com")
    page = people.page(owner, facebook_page_id=secrets.token_hex(6))
    rule = people.rule(page, review_before_send=True)
    contact = people.contact(page, sender_name="Secret Ana")
    return {"owner": owner, "rule": rule, "state": waiting(people, rule, contact)}


@pytest.fixture
def stranger(http: httpx.Client, people: World) -> dict[str, str]:
    person = people.user(f"{secrets.token_hex(6)}@example.com")
    return signed_in(http, person["email"])


def signed_in(http: httpx.Client, email: str) -> dict[str, str]:
    answer = http.post("/login", data={"email": email, "password": PASSWORD})
    http.cookies.clear()
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def call(http: httpx.Client, who: dict[str, str], names: tuple[str, str], *values: Any) -> Any:
    """A callback as the browser sends it; names are of its output and its input."""
    output, source = names
    sent: dict[str, Any] = {
        "output": f"{output}.data",
        "outputs": {"id": output, "property": "data"},
        "inputs": [{"id": source, "property": "data", "value": values[0]}],
        "changedPropIds": [f"{source}.data"],
    }
    if len(values) > 1:
        sent["state"] = [{"id": "live-rule", "property": "data", "value": values[1]}]
    return http.post(CALLBACK, json=sent, headers=who)


PRESS, MANY, TIMELINE = (
    ("live-now", "live-action"),
    ("many-answer", "many-ask"),
    ("timeline-answer", "timeline-ask"),
)


def test_somebody_elses_timeline_is_not_told(http, stranger, owned):
    answer = call(http, stranger, TIMELINE, {"id": owned["state"]["id"]})

    assert answer.status_code == 200
    assert "Ana" not in answer.text
    assert "no longer here" in answer.text
    own = call(
        http, signed_in(http, owned["owner"]["email"]), TIMELINE, {"id": owned["state"]["id"]}
    )
    assert "Secret Ana" in own.text


@pytest.mark.parametrize("act", ["approve", "reject", "cancel", "retry", "again", "off"])
def test_somebody_elses_contact_cannot_be_acted_on(http, stranger, owned, people, act):
    press = {"act": act, "ids": [owned["state"]["id"]], "text": "stolen"}
    answer = call(http, stranger, PRESS, press, str(owned["rule"]["id"]))

    assert answer.status_code == 200
    [state] = people.rows(
        "select s.*, r.enabled from public.ai_automation_contact_states as s"
        " inner join public.ai_automation_rules as r on r.id = s.rule_id where s.id = %s",
        owned["state"]["id"],
    )
    assert state["enabled"]
    assert (state["current_stage"], state["approved_at"]) == ("ready_to_send", None)
    assert state["generated_message"] == owned["state"]["generated_message"]


def test_many_of_somebody_else_can_neither_be_counted_nor_moved(http, stranger, owned, people):
    rule = str(owned["rule"]["id"])
    own = signed_in(http, owned["owner"]["email"])
    count = {"step": "preview", "action": "cancel", "rule_id": rule}
    counted = call(http, own, MANY, count).json()
    shown = counted["response"]["many-answer"]["data"]
    assert shown["total"] == 1

    for wish in (
        count,
        {"step": "go", "id": shown["id"]},
        {"step": "stop", "id": shown["id"]},
    ):
        answer = call(http, stranger, MANY, wish)
        assert "problem" in answer.json()["response"]["many-answer"]["data"]
    [state] = people.rows(
        "select current_stage from public.ai_automation_contact_states where id = %s",
        owned["state"]["id"],
    )
    assert state["current_stage"] == "ready_to_send"


@pytest.mark.parametrize("names", [PRESS, MANY, TIMELINE])
def test_nonsense_is_told_apart_and_never_an_error_of_ours(http, stranger, owned, names):
    rest = (str(owned["rule"]["id"]),) if names is PRESS else ()
    for claim in NONSENSE:
        answer = call(http, stranger, names, claim, *rest)
        assert answer.status_code in (200, 204), (claim, answer.text)
        assert "on our side" not in answer.text, claim


@pytest.mark.parametrize("names", [MANY, TIMELINE])
def test_a_callback_that_lacks_its_parts_is_a_400(http, stranger, names):
    for sent in (
        {"output": f"{names[0]}.data"},
        {"output": f"{names[0]}.data", "inputs": [{"id": "other", "property": "data"}]},
        {"output": f"{names[0]}.other", "inputs": []},
    ):
        assert http.post(CALLBACK, json=sent, headers=stranger).status_code == 400
