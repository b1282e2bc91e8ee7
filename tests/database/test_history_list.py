"""This file is where the history of tries is looked through, and handed out as a file."""

import csv
import io
import secrets
import uuid
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from psycopg.types.json import Jsonb
from starlette.applications import Starlette
from supabase import create_client

from api.exports import ROUTES
from pipeline.clients import user_client
from pipeline.feed import Feed, signed_in
from tests.builders import PASSWORD, ago
from tests.database.acting import call_as
from tests.ports import free_port
from tests.running import serving


def town(world, tries=40):
    """A person with two automations, and tries of which several began at the same moment."""
    owner = world.user(f"{secrets.token_hex(4)}@example.com")
    pages = [world.page(owner) for _ in range(2)]
    rules = [world.rule(page) for page in pages]
    people = [
        world.contact(page, sender_name=name)
        for page, name in zip(pages, ("Zoë", "=1+1"), strict=True)
    ]
    began, first = ago(hours=1), secrets.randbits(40)
    rows = [
        world.insert(
            "public.ai_automation_attempts",
            user_id=owner["id"],
            state_id=first + number,
            rule_id=rules[number % 2]["id"],
            contact_id=people[number % 2]["id"],
            page_id=pages[number % 2]["id"],
            follow_up=1,
            outcome="failed" if number % 4 == 0 else "sent",
            error_code="window_closed" if number % 4 == 0 else None,
            message=f"Message {number} 100%" if number % 3 == 0 else "+ plain",
            worker="w",
            started_at=began - timedelta(minutes=number // 3),
        )
        for number in range(tries)
    ]
    return SimpleNamespace(owner=owner, pages=pages, rules=rules, people=people, rows=rows)


def listed(world, owner, before=None, limit=50, look=1000, **fits):
    return call_as(
        world,
        owner,
        "list_attempts",
        p_filter=Jsonb(fits),
        p_before=Jsonb(before) if before else None,
        p_limit=limit,
        p_look=look,
    )


def walk(world, owner, limit, look, between=lambda: None, **fits):
    """Everything, as whoever goes on and on sees it; how many pages it took."""
    seen, pages, before = [], 0, None
    while True:
        found = listed(world, owner, before, limit, look, **fits)
        pages += 1
        assert pages < 100
        seen += [each["id"] for each in found["attempts"]]
        if found["more"]:
            last = found["attempts"][-1]
            before = [last["started_at"], last["id"]]
        elif found["looked_until"]:
            before = [found["looked_until"], str(uuid.UUID(int=0))]
        else:
            return seen, pages
        between()


def newest_first(rows):
    return [
        str(row["id"])
        for row in sorted(rows, key=lambda row: (row["started_at"], row["id"]), reverse=True)
    ]


def test_pages_follow_each_other_while_tries_arrive_and_a_search_goes_back_stretch_by_stretch(
    world,
):
    here = town(world)

    def another():
        world.insert(
            "public.ai_automation_attempts",
            **{**here.rows[0], "id": uuid.uuid4(), "state_id": secrets.randbits(40),
               "started_at": ago()},
        )  # fmt: skip

    seen, pages = walk(world, here.owner, 7, 1000, another)
    assert seen == newest_first(here.rows)
    assert pages == 6

    failed = [row for row in here.rows if row["outcome"] == "failed"]
    # Each call looks at five, so that most find little, and none is lost between two of them.
    seen, pages = walk(world, here.owner, 50, 5, until=str(ago(minutes=30)), outcome="failed")
    assert seen == newest_first(failed)
    assert pages > 5


def test_a_batch_that_began_in_one_moment_is_longer_than_a_page_and_none_of_it_is_lost(world):
    here = town(world, tries=3)
    world.connection.execute(
        "insert into public.ai_automation_attempts (user_id, state_id, rule_id, contact_id,"
        " page_id, follow_up, outcome, worker, started_at)"
        " select a.user_id, a.state_id + 100 + n, a.rule_id, a.contact_id, a.page_id, 1, 'sent',"
        " 'w', a.started_at from generate_series(1, 60) as n"
        " cross join public.ai_automation_attempts as a where a.id = %s",
        [here.rows[0]["id"]],
    )
    stored = world.rows(
        "select id, started_at from public.ai_automation_attempts where user_id = %s",
        here.owner["id"],
    )

    # As many as the dashboard looks at for a page of seven.
    seen, pages = walk(world, here.owner, 7, 8)

    assert seen == newest_first(stored)
    assert pages == 9


def test_every_filter_means_what_it_says(world):
    here = town(world)
    world.connection.execute("analyze public.ai_automation_attempts")

    def number(**fits):
        return len(listed(world, here.owner, **fits)["attempts"])

    assert number() == 40
    assert number(rule=str(here.rules[0]["id"])) == 20
    assert number(page=str(here.pages[1]["id"])) == 20
    assert number(outcome="failed") == number(codes=["window_closed", "x"]) == 10
    assert number(q="zoË") == number(q="zoe") == 20
    assert number(q="0%") == 14
    assert number(q="window_cl") == 10
    assert number(q="_") == 10
    assert number(outcome="failed", q="plain") == 6
    middle = here.rows[20]["started_at"].isoformat()
    assert number(until=middle) + number(**{"from": middle}) == 40 + 3


def test_what_is_deleted_or_anothers_is_not_there(world):
    here, other = town(world), town(world, tries=3)

    assert len(listed(world, other.owner)["attempts"]) == 3
    stranger = world.user()
    for fits in ({}, {"rule": str(here.rules[0]["id"])}, {"q": "zoë"}):
        assert listed(world, stranger, **fits)["attempts"] == []
    call_as(world, here.owner, "delete_rule", p_rule_id=here.rules[0]["id"])
    assert len(listed(world, here.owner)["attempts"]) == 20


class SignedIn:
    """What the guard does for the routes behind it."""

    def __init__(self, app, settings, token):
        self._app, self._settings, self._token = app, settings, token

    async def __call__(self, scope, receive, send):
        async with httpx.AsyncClient() as http:
            signed_in.set(Feed(user_client(self._settings, http, self._token)))
            await self._app(scope, receive, send)


@pytest.fixture
def download(supabase):
    """Fetches a file as a person would, over a real socket."""

    def fetch(person, path):
        auth = create_client(supabase.url, supabase.publishable_key).auth
        session = auth.sign_in_with_password({"email": person["email"], "password": PASSWORD})
        settings = SimpleNamespace(
            supabase_url=supabase.url, supabase_publishable_key=supabase.publishable_key
        )
        app = SignedIn(Starlette(routes=ROUTES), settings, session.session.access_token)
        port = free_port()
        with serving(app, port):
            return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)

    return fetch


def test_the_file_has_every_row_that_fits_and_no_cell_is_a_formula(world, download):
    here = town(world, tries=650)

    answer = download(here.owner, f"/history.csv?rule={here.rules[1]['id']}&zone=Nowhere")

    assert answer.headers["content-disposition"].startswith('attachment; filename="history-')
    assert answer.content.startswith(b"\xef\xbb\xbfstarted_at,")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == newest_first(here.rows[1::2])
    assert {row["name"] for row in rows} == {"'=1+1"}
    assert {row["message"][:3] for row in rows} == {"'+ ", "Mes"}
    # Nothing of it is a rule or a day: all there is.
    odd = f"/history.csv?rule=urn:uuid:{here.rules[1]['id']}&until=9999-12-31"
    assert download(here.owner, odd).content.count(b"\r\n") == 651
    people = download(here.owner, "/contacts.csv?q=zo").content.decode("utf-8-sig")
    assert [row["name"] for row in csv.DictReader(io.StringIO(people))] == ["Zoë"]
    written = world.rows(
        "select action, rule_id, detail -> 'filter' as filter from public.ai_automation_audit"
        " where user_id = %s and action like 'export%%' order by id",
        here.owner["id"],
    )
    assert [tuple(row.values()) for row in written] == [
        ("export_history", here.rules[1]["id"], {}),
        ("export_history", None, {}),
        ("export_contacts", None, {"q": True}),
    ]


def test_a_file_that_cannot_be_finished_breaks_off_where_the_downloader_sees_it(world, download):
    here = town(world, tries=650)
    world.connection.execute(
        "alter function public.list_attempts(jsonb, jsonb, integer, integer) rename to first_page;"
        "create function public.list_attempts("
        " p_filter jsonb, p_before jsonb, p_limit integer, p_look integer)"
        " returns jsonb language plpgsql as $$ begin"
        " if p_before is not null then raise exception 'away' using errcode = '57P01'; end if;"
        " return public.first_page(p_filter, p_before, p_limit, p_look); end; $$;"
        " grant execute on function public.list_attempts(jsonb, jsonb, integer, integer)"
        " to authenticated; notify pgrst, 'reload schema'"
    )

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        download(here.owner, "/history.csv")
