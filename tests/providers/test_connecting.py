"""This file is where tokens are checked with the sandbox's Facebook before a page is connected."""

import asyncio
from typing import Any

import pytest

from local.sandbox.serve import Sandbox, call, serve_sandbox
from local.sandbox.server import SandboxConfig
from pipeline.adapters.facebook import create_http
from pipeline.adapters.graph import Graph
from pipeline.adapters.page_directory import PageDirectory
from pipeline.connecting import NEEDED, ConnectError, Connector, Known, refuse_missing
from pipeline.settings import Settings
from tests.providers.jobs import Desk

HARBOUR = "104200000000002"


class Kept:
    """Where a connected page ends up here: what the database is told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def connect_page(self, page_id: str, name: str, sealed: str) -> str:
        self.told.append((page_id, name, sealed))
        return "ours"

    async def note_subscription(self, page_id: str, problem: str | None) -> None:
        self.told.append((page_id, problem))


def connect(desk: Desk, token: str, page_id: str = "") -> tuple[Any, Kept]:
    """What connecting answers, or the error; and what was stored."""

    async def run() -> Any:
        async with create_http(desk.settings) as http:
            directory = PageDirectory(Graph(desk.settings, http, desk.seconds))
            try:
                return await Connector(directory, desk.vault).connect(kept, token, page_id)  # type: ignore[arg-type]
            except ConnectError as error:
                return error

    kept = Kept()
    return asyncio.run(run()), kept


def test_a_pages_token_is_stored_sealed_and_the_page_subscribed(desk: Desk) -> None:
    found, kept = connect(desk, f"  sandbox-page-{HARBOUR}\n", HARBOUR)

    (page_id, name, sealed), note = kept.told
    assert (found.name, found.problem) == ("Harbour Coffee", "")
    assert (page_id, name) == (HARBOUR, "Harbour Coffee")
    assert desk.vault.open(sealed) == f"sandbox-page-{HARBOUR}"
    assert note == ("ours", None)
    address = f"{desk.sandbox.graph_url}/{HARBOUR}/subscribed_apps"
    [subscribed] = call("GET", address, params={"access_token": "t"}).json()["data"]
    assert {"messages", "message_echoes", "messaging_policy_enforcement"} <= set(
        subscribed["subscribed_fields"]
    )


def test_a_persons_token_lists_all_pages_and_stores_the_pages_own(desk: Desk) -> None:
    pages, nothing = connect(desk, "sandbox-agency-token")
    found, kept = connect(desk, "sandbox-user-token", HARBOUR)

    assert (len(pages), nothing.told) == (120, [])
    assert [page.may_write for page in pages].count(False) == 1
    assert found.name == "Harbour Coffee"
    assert desk.vault.open(kept.told[0][2]) == f"sandbox-page-{HARBOUR}"


@pytest.mark.parametrize(
    ("token", "page_id", "field", "said"),
    [
        ("", "", "token", "Paste a token"),
        ("two words", "", "token", "not a token"),
        ("EAAnobody-gave-this", "", "token", "does not accept"),
        ("sandbox-expired-token", "", "token", "expired"),
        ("sandbox-user-token-ending", "", "token", "ends in about 1 h"),
        ("sandbox-page-77-without-pages_messaging", "", "token", "pages_messaging"),
        ("sandbox-page-77-without-pages_manage_metadata", "", "token", "pages_manage_metadata"),
        ("sandbox-user-token-without-pages_show_list", "", "token", "pages_show_list"),
        ("sandbox-page-77", "78", "page_id", "not for 78"),
        ("sandbox-page-77", "my page", "page_id", "digits"),
        ("sandbox-user-token", "999", "page_id", "no page 999"),
        ("sandbox-user-token", "104200000000004", "token", "may not write"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_stored(
    desk: Desk, token: str, page_id: str, field: str, said: str
) -> None:
    error, kept = connect(desk, token, page_id)

    assert (error.field, kept.told) == (field, [])
    assert said in error.message
    assert "docs/" not in error.hint, "who connects a page may not have the repository"
    assert not token or token not in f"{error.message} {error.hint} {error!r}"


@pytest.mark.parametrize(
    ("missing", "asked"),
    [
        (["pages_messaging"], "permission pages_messaging. Grant it to"),
        (
            ["pages_messaging", "pages_manage_metadata"],
            "permissions pages_messaging, pages_manage_metadata. Grant them to",
        ),
    ],
)
def test_one_missing_permission_is_one_and_two_are_two(missing: list[str], asked: str) -> None:
    known = Known(scopes=[scope for scope in NEEDED if scope not in missing])

    with pytest.raises(ConnectError) as refused:
        refuse_missing(known, NEEDED)

    assert asked in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    ("kind", "field"),
    [("reset-before", "form"), ("bad-gateway", "form"), ("rate-limit", "form"),
     ("refuse-before", "form"), ("token-expired", "token")],
)  # fmt: skip
def test_while_facebook_is_away_nothing_is_stored(desk: Desk, kind: str, field: str) -> None:
    desk.sandbox.fault("facebook", kind, call="connect")

    error, kept = connect(desk, f"sandbox-page-{HARBOUR}")

    assert (error.field, kept.told) == (field, [])
    assert connect(desk, f"sandbox-page-{HARBOUR}")[1].told


def test_nobody_at_the_address_is_said_too(alone: Desk) -> None:
    error, kept = connect(alone, f"sandbox-page-{HARBOUR}")

    assert ("could not be reached" in error.message, kept.told) == (True, [])


def test_a_page_that_cannot_be_subscribed_is_connected_and_says_so(desk: Desk) -> None:
    desk.sandbox.fault("facebook", "permission", call="subscribe")

    found, kept = connect(desk, f"sandbox-page-{HARBOUR}")

    assert "pages_manage_metadata" in found.problem
    assert kept.told[1] == ("ours", found.problem)


def test_a_token_that_cannot_be_looked_up_is_tried_instead(desk: Desk) -> None:
    """Some apps may not ask what is granted; then a conversation is read, and that must work."""
    desk.sandbox.fault("facebook", "no-matching-user", call="inspect", times=2)
    found, _ = connect(desk, f"sandbox-page-{HARBOUR}")
    desk.sandbox.fault("facebook", "permission", call="list")
    error, kept = connect(desk, f"sandbox-page-{HARBOUR}")

    assert found.name == "Harbour Coffee"
    assert (error.field, kept.told) == ("token", [])


def test_another_apps_secret_is_named() -> None:
    with serve_sandbox(SandboxConfig(app_secret="theirs")) as sandbox:
        error, _ = connect(desk_at(sandbox), f"sandbox-page-{HARBOUR}")

    assert "another app" in error.message


def desk_at(sandbox: Sandbox) -> Desk:
    """A desk that has another secret than Facebook knows."""
    address = {"facebook_graph_url": sandbox.graph_url}
    return Desk(sandbox, Settings(**address, facebook_app_secret="ours"))
