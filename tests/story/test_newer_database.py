"""This file is where the database is a version ahead: its functions tell more than we know of."""

from dataclasses import dataclass

import pytest

from local.sandbox.serve import call
from pipeline.rows import built
from pipeline.vault import Vault
from tests.story.telling import KEY

FUNCTIONS = """
select
    p.proname as name, pg_get_function_identity_arguments(p.oid) as arguments,
    regexp_replace(pg_get_function_result(p.oid), '^TABLE\\((.*)\\)$', '\\1') as columns,
    coalesce(
        (select string_agg('$' || n, ', ') from generate_series(1, p.pronargs) as n), ''
    ) as given
from pg_proc as p
where
    p.pronamespace = 'public'::regnamespace and pg_get_function_result(p.oid) like 'TABLE(%%'
    and has_function_privilege('service_role', p.oid, 'execute')
    and p.proname ~ '^(claim|decide|record|deletions_to)_'
"""
ONE_MORE = """
alter function public.{name}({arguments}) rename to {name}_before;
create function public.{name}({arguments}) returns table ({columns}, added_later text)
language sql set search_path = ''
as $$ select b.*, 'new' from public.{name}_before({given}) as b $$;
grant execute on function public.{name}({arguments}) to service_role;
"""
PAGE = "104200000000009"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns, one of which an older database does not have."""

    first: int
    second: int = 2


@pytest.fixture
def ahead(story):
    """Every function that gives a worker rows gives each of them one column more."""
    found = story.world.rows(FUNCTIONS)
    for function in found:
        story.world.connection.execute(ONE_MORE.format(**function))
    story.world.connection.execute("notify pgrst, 'reload schema'")
    return {function["name"] for function in found}


def test_a_worker_goes_on_when_the_database_has_columns_that_it_does_not_know(story, ahead):
    contact = story.contact()
    story.run_now()

    story.turn("check", "write", "send")

    assert {"claim_contacts", "claim_syncs", "claim_previews", "record_outcomes"} <= ahead
    assert story.stage_of(contact) == ("sent", None)
    assert len(story.facebook.messages()) == 1


def test_pages_are_read_when_the_database_has_columns_that_the_worker_does_not_know(story, ahead):
    token = Vault(KEY).seal(f"sandbox-page-{PAGE}")
    named = {"p_facebook_page_id": PAGE, "p_name": "Harbour Coffee"}
    story.call("connect_page", **named, p_encrypted_token=token)
    body = {"page_id": PAGE, "people": 3, "each": 1}
    call("POST", f"{story.facebook.url}/facebook/threads", json=body).raise_for_status()

    story.turn("sync")

    known = story.world.rows(
        "select 1 from public.contacts as c inner join public.facebook_pages as p"
        " on p.id = c.page_id where p.facebook_page_id = %s",
        PAGE,
    )
    assert len(known) == 3


def test_what_a_row_has_too_much_is_passed_over_and_what_it_lacks_is_not():
    assert built(Pair, {"first": 1, "third": 3}) == Pair(1)
    with pytest.raises(TypeError):
        built(Pair, {"second": 2, "third": 3})
