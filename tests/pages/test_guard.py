"""This file is where every route of the dashboard is tried without a session, and with bad ones."""

import asyncio
import json
import secrets
import time
import uuid

import httpx
import pytest
from dash import page_registry

from api.attempts import PER_ACCOUNT
from api.guard import COOKIE, LOCAL_COOKIE
from api.sessions import Sessions
from app import create_app
from local.home import Home
from pipeline.clients import Tokens
from pipeline.settings import Settings
from tests.builders import PASSWORD
from tests.pages.conftest import waiting
from tests.running import Stack

# What one page of the list shows.
PER_PAGE = 100
CALLBACK = "/_dash-update-component"
NOBODYS = str(uuid.uuid4())
PUBLIC = {"/login", "/healthz", "/readyz", "/api/openapi.json", "/metrics"}


@pytest.fixture
def http(stack: Stack):
    """A client that follows nothing and remembers nothing."""
    with httpx.Client(base_url=stack.dashboard_url, trust_env=False) as client:
        yield client


@pytest.fixture
def session(http, stack: Stack) -> dict[str, str]:
    """The cookie header of a signed-in person; httpx sends no Secure cookie over http itself."""
    return signed_in(http, stack.demo_email, stack.demo_password)


def signed_in(http: httpx.Client, email: str, password: str) -> dict[str, str]:
    answer = http.post("/login", data={"email": email, "password": password})
    assert answer.status_code == 303
    http.cookies.clear()
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def routes() -> set[str]:
    app = create_app(Settings(supabase_url="http://127.0.0.1:1"))
    found = {route.path for route in app.server.routes if hasattr(route, "methods")}
    pages = {page["path_template"] or page["path"] for page in page_registry.values()}
    return {path.replace("{path:path}", "/anything") for path in found | pages | {"/api/anything"}}


def test_without_a_session_every_route_leads_to_the_door_or_is_refused(http):
    for path in routes() - PUBLIC:
        if path.startswith(("/_dash-component-suites", "/assets", "/_favicon")):
            continue
        answer = http.get(path)
        to_the_door = answer.headers.get("location", "").startswith("/login")
        navigates = path == CALLBACK and "/login" in answer.text
        assert to_the_door or navigates or answer.status_code == 401, path


def test_every_answer_carries_the_security_headers(http, session):
    for path in ("/login", "/", "/nowhere", "/healthz", "/_dash-layout", "/assets/10-theme.css"):
        for headers in ({}, session):
            answer = http.get(path, headers=headers)
            policy = answer.headers["content-security-policy"]
            scripts = policy.partition("script-src")[2].partition(";")[0]
            assert "unsafe" not in scripts
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "server" not in answer.headers


def test_an_unknown_page_is_a_404_also_for_programs(http, session):
    assert http.get("/nowhere", headers=session).status_code == 404
    assert http.get("/contacts", headers=session).status_code == 200


def test_an_automation_of_nobody_or_of_somebody_else_is_a_404(http, session, stack, people):
    owner = people.user(f"{secrets.token_hex(6)}@example.com")
    other = people.rule(people.page(owner))
    mine = people.rows(
        "select r.id from public.ai_automation_rules as r"
        " inner join auth.users as u on u.id = r.user_id where u.email = %s limit 1",
        stack.demo_email,
    )[0]

    for rule_id, status in (
        (mine["id"], 200),
        (other["id"], 404),
        (uuid.uuid4(), 404),
        ("x", 404),
        ("new", 404),
    ):
        address = f"/automations/{rule_id}/monitor"
        assert http.get(address, headers=session).status_code == status, address


def test_an_expired_callback_tells_the_browser_to_go_to_the_door(http):
    answer = http.post(CALLBACK, json={}, headers={"cookie": f"{COOKIE}=guessed"})

    assert answer.status_code == 200
    assert answer.json()["sideUpdate"]["session"]["href"].startswith("/login")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [CALLBACK, "/login", "/logout"])
def test_another_site_cannot_post_here(http, session, path, headers):
    assert http.post(path, json={}, headers={**session, **headers}).status_code == 403


@pytest.mark.parametrize("body", ["[]", "null", "{", "", "1", json.dumps({"output": "x.y"})])
def test_a_malformed_callback_is_a_400(http, session, body):
    headers = {**session, "content-type": "application/json"}

    assert http.post(CALLBACK, content=body, headers=headers).status_code == 400


def test_a_callback_in_another_content_type_is_refused(http, session):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = http.post(CALLBACK, content="{}", headers={**session, "content-type": kind})
        assert answer.status_code == 415


def asks(request: object) -> dict[str, object]:
    """What a monitor sends every two seconds."""
    return {
        "output": "live-answer.data",
        "outputs": {"id": "live-answer", "property": "data"},
        "inputs": [{"id": "live-request", "property": "data", "value": request}],
        "changedPropIds": ["live-request.data"],
    }


@pytest.mark.parametrize("claim", [None, 1, [], "x", {}, {"rule_id": 5}, {"rule_id": "x"}])
def test_a_well_formed_callback_with_nonsense_in_it_changes_nothing(http, session, claim):
    answer = http.post(CALLBACK, json=asks(claim), headers=session)

    assert answer.status_code in (200, 204)
    assert "stages" not in answer.text


def test_the_door_tells_when_the_password_was_wrong_too_often(http, stack):
    wrong = {"email": "nobody-there@example.com", "password": "guess"}
    answers = [http.post("/login", data=wrong) for _ in range(9)]

    assert [answer.status_code for answer in answers] == [401] * 8 + [429]
    assert "Too many" in answers[-1].text


def test_guessing_many_passwords_at_once_is_no_way_around_the_door(stack):
    wrong = {"email": "nobody-at-once@example.com", "password": "guess"}
    at_once = 20

    async def guess() -> list[int]:
        async with httpx.AsyncClient(base_url=stack.dashboard_url, trust_env=False) as http:
            answers = await asyncio.gather(
                *(http.post("/login", data=wrong) for _ in range(at_once))
            )
        return [answer.status_code for answer in answers]

    statuses = asyncio.run(guess())
    assert statuses.count(401) == PER_ACCOUNT
    assert statuses.count(429) == at_once - PER_ACCOUNT


def presses(action: object, rule_id: str) -> dict[str, object]:
    """What a button of a monitor sends."""
    return {
        "output": "live-now.data",
        "outputs": {"id": "live-now", "property": "data"},
        "inputs": [{"id": "live-action", "property": "data", "value": action}],
        "state": [{"id": "live-rule", "property": "data", "value": rule_id}],
        "changedPropIds": ["live-action.data"],
    }


@pytest.mark.parametrize(
    "request_",
    [asks({"rule_id": NOBODYS}), presses({"act": "on"}, NOBODYS)],
    ids=["poll", "press"],
)
def test_a_monitor_whose_sign_in_supabase_no_longer_takes_goes_to_the_door(http, stack, request_):
    sessions = Sessions(stack.home, Home(stack.home).secrets()["session_secret"])
    ended = Tokens(stack.demo_email, "ended", "ended", time.time() + 3600)
    cookie = f"{LOCAL_COOKIE}={sessions.start(ended)}"
    sessions.close()

    answer = http.post(CALLBACK, json=request_, headers={"cookie": cookie})

    assert answer.json()["sideUpdate"]["session"]["href"] == "/login?expired=1"


def test_one_press_acts_on_no_more_contacts_than_a_list_shows(http, people):
    user = people.user(f"{secrets.token_hex(6)}@example.com")
    page = people.page(user, facebook_page_id=secrets.token_hex(6))
    rule = people.rule(page)
    ids = [waiting(people, rule, people.contact(page))["id"] for _ in range(PER_PAGE + 1)]
    cancel = presses({"act": "cancel", "ids": ids}, str(rule["id"]))

    answer = http.post(CALLBACK, json=cancel, headers=signed_in(http, user["email"], PASSWORD))

    assert f"{PER_PAGE} contacts cancelled" in answer.text
