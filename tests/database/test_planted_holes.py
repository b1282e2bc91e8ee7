"""This file is where the locks are tested: holes that others had are cut, each must be found."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from tests.database import locks
from tests.database.project import Project, two_owners


@dataclass(frozen=True)
class Hole:
    """SQL that opens something, and the checks of which each must name it."""

    sql: str
    found_by: tuple[Callable[[Project], list[str]], ...]
    named: str


def rule(words):
    return partial(locks.broken, rule=words)


def at(check, thing):
    """A check of one thing; by keyword where somebody is named first."""
    return lambda project: check(project, thing)


def by(who, table):
    return lambda project: locks.open_to(project, who, table)


OWNER_ONLY = "every policy asks for the owner and for nothing else"
HOLES = {
    "a view that reads as its maker": Hole(
        "alter view public.automation_live_stats reset (security_invoker)",
        (
            rule("every view runs as its reader"),
            at(locks.reached_by_a_stranger, "automation_live_stats"),
        ),
        "automation_live_stats",
    ),
    "a policy for everybody, without a role": Hole(
        "create policy hole on public.contact_messages using (true)",
        (
            rule("every policy is for those who signed in"),
            rule(OWNER_ONLY),
            at(locks.reached_by_a_stranger, "contact_messages"),
        ),
        "contact_messages",
    ),
    "a policy that asks only whether one has signed in": Hole(
        "create policy hole on public.ai_automation_runs to authenticated"
        " using (auth.role() = 'authenticated')",
        (rule(OWNER_ONLY), at(locks.reached_by_a_stranger, "ai_automation_runs")),
        "ai_automation_runs",
    ),
    "rows of nobody that are everybody's": Hole(
        "alter table public.ai_automation_audit alter user_id drop not null;"
        " create policy hole on public.ai_automation_audit to authenticated"
        " using (user_id is null or user_id = (select auth.uid()));"
        " alter table public.ai_automation_audit disable trigger keep_audit;"
        " update public.ai_automation_audit set user_id = null",
        (
            rule(OWNER_ONLY),
            rule("every row of an owner names her"),
            at(locks.reached_by_a_stranger, "ai_automation_audit"),
        ),
        "ai_automation_audit",
    ),
    "a policy that believes what a person says of herself": Hole(
        "create policy hole on public.ai_automation_attempts to authenticated"
        " using (((auth.jwt() -> 'user_metadata') ->> 'team') is not distinct from null)",
        (rule(OWNER_ONLY), at(locks.reached_by_a_stranger, "ai_automation_attempts")),
        "ai_automation_attempts",
    ),
    "a change that may give a row away": Hole(
        'alter policy "owners change their contacts" on public.contacts with check (true);'
        " grant update (user_id) on public.contacts to authenticated",
        (rule(OWNER_ONLY), locks.writable_beyond_the_list),
        "contacts",
    ),
    "a reference that does not carry the owner": Hole(
        "alter table public.contact_messages drop constraint contact_messages_contact_fkey,"
        " add constraint hole foreign key (contact_id) references public.contacts (id)",
        (rule("every reference between owned tables carries the owner"),),
        "hole",
    ),
    "a token that its owner can read": Hole(
        "grant select on public.facebook_page_secrets to authenticated; create policy hole"
        " on public.facebook_page_secrets to authenticated using (user_id = (select auth.uid()))",
        (by("owner", "facebook_page_secrets"), by("stranger", "facebook_page_secrets")),
        "facebook_page_secrets",
    ),
    "a function with its maker's rights that a visitor may call": Hole(
        "grant execute on function public.worker_health() to anon",
        (
            locks.callable_beyond_the_list,
            at(locks.callable_by_a_visitor, "worker_health"),
        ),
        "worker_health",
    ),
    "a function that everybody may call": Hole(
        "grant execute on function public.request_run(uuid) to public",
        (
            rule("no function may be called by whoever comes"),
            locks.callable_beyond_the_list,
            at(locks.callable_by_a_visitor, "request_run"),
        ),
        "request_run",
    ),
    "a function that reads with its maker's rights": Hole(
        "alter function public.monitor_contacts(uuid, text, text, integer, integer)"
        " security definer",
        (at(locks.got_by_a_stranger, "monitor_contacts"),),
        "shows what is A's",
    ),
    "a function that does not ask whose it is": Hole(
        "create or replace function public.set_rule_enabled(p_rule_id uuid, p_enabled boolean)"
        " returns jsonb language sql security definer set search_path = '' as $$"
        " update public.ai_automation_rules set enabled = p_enabled where id = p_rule_id;"
        " select '{}'::jsonb; $$",
        (at(locks.got_by_a_stranger, "set_rule_enabled"),),
        "changes what is A's",
    ),
    "a function that tells what exists": Hole(
        "create or replace function public.reject_message("
        "p_state_id bigint, p_reason text default null)"
        " returns jsonb language sql security definer set search_path = '' as $$"
        " select to_jsonb(exists (select 1 from public.ai_automation_contact_states"
        " where id = p_state_id)); $$",
        (at(locks.got_by_a_stranger, "reject_message"),),
        "tells what exists",
    ),
    "a function that looks for names where its caller says": Hole(
        "alter function public.dry_run(uuid) reset search_path",
        (rule("every function pins its search path"),),
        "dry_run",
    ),
    "a table without row level security": Hole(
        "alter table public.ai_automation_daily_usage disable row level security",
        (
            rule("every table has row level security"),
            at(locks.reached_by_a_stranger, "ai_automation_daily_usage"),
        ),
        "ai_automation_daily_usage",
    ),
    "a new table that nobody wrote down": Hole(
        "create table public.notes (user_id uuid not null, words text);"
        " grant select on public.notes to authenticated",
        (locks.unlisted, rule("every table has row level security")),
        "notes",
    ),
    "a copy of a table, to which no policy applies": Hole(
        "create materialized view public.copied as select * from public.contacts",
        (locks.unlisted,),
        "copied",
    ),
    "a part of a table within reach": Hole(
        "create schema history; create table history.events (day date) partition by range (day);"
        " create table history.today partition of history.events default;"
        " grant usage on schema history to authenticated;"
        " grant select on history.today to authenticated",
        (
            rule("nothing outside of public may be used"),
            rule("no part of a table has grants of its own"),
        ),
        "history",
    ),
    "a table that the API may empty": Hole(
        "grant truncate on public.ai_automation_workers to authenticated",
        (rule("no role of the API may truncate, or number by itself"),),
        "ai_automation_workers",
    ),
}


@pytest.fixture(scope="module")
def holed(cluster, tmp_path_factory):
    """One database with all the holes; no two are in the same place."""
    home, cuts = tmp_path_factory.mktemp("holed"), "; ".join(hole.sql for hole in HOLES.values())
    with two_owners(cluster, home, old_grants=False, holes=cuts) as project:
        yield project


@pytest.mark.parametrize("name", HOLES)
def test_a_planted_hole_is_found(holed, name):
    hole = HOLES[name]

    for check in hole.found_by:
        assert any(hole.named in found for found in check(holed))


def test_every_check_finds_a_hole():
    """A check that no hole needs could have stopped looking."""
    used = {
        check.keywords["rule"]
        for hole in HOLES.values()
        for check in hole.found_by
        if isinstance(check, partial)
    }

    assert used == set(locks.RULES)
