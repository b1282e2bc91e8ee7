"""This file is where claims are measured while a hundred thousand contacts wait."""

from bench._cluster import as_superuser, as_worker
from bench._plans import findings, plans_of
from bench._reading import line_of_plans
from bench._timing import Line, line_of_times, timed
from bench._working import CLAIM, Job, claim, decide
from local.postgres import Postgres

LIMIT = 200
AT_MOST = 20
NEWCOMERS = 10
# Only the tenant with the long queue and the new one have somebody waiting.
OTHERS_REST = """
update public.ai_automation_contact_states
set due_at = now() + interval '1 hour'
where current_stage = 'queued' and rule_id <> md5('rule 101')::uuid
"""
# The last tenant's ten contacts, queued after everybody else's.
ARRIVE = """
with tenant as (
    insert into auth.users (id, email)
    values (gen_random_uuid(), gen_random_uuid() || '@example.com')
    returning id
),

page as (
    insert into public.facebook_pages (user_id, facebook_page_id, name)
    select tenant.id, 'new', 'New page' from tenant
    returning id, user_id
),

rule as (
    insert into public.ai_automation_rules (user_id, page_id, name, enabled, run_24_7, wait_minutes)
    select page.user_id, page.id, 'New', true, true, 0 from page
    returning id, user_id, page_id
),

contact as (
    insert into public.contacts (user_id, page_id, sender_id, last_inbound_at)
    select rule.user_id, rule.page_id, n::text, now() - interval '2 hours'
    from rule cross join generate_series(1, 10) as n
    returning id, user_id
)

insert into public.ai_automation_contact_states (user_id, rule_id, contact_id)
select contact.user_id, rule.id, contact.id from contact cross join rule
returning id
"""


def measure_claims(postgres: Postgres, database: str, repetitions: int) -> list[Line]:
    """Claims of LIMIT, each of contacts that were not claimed before, commit included."""
    waiting = _waiting(postgres, database)
    plans = plans_of(postgres, database, "service_role", CLAIM, ["queued", LIMIT])
    steps: dict[str, list[float]] = {
        "queued": [],
        "decided": [],
        "eligible": [],
        "ready_to_send": [],
    }
    with as_worker(postgres, database) as worker:
        for _ in range(repetitions + 2):
            jobs: list[Job] = []
            steps["queued"].append(timed(lambda: jobs.extend(claim(worker, "queued", LIMIT))))  # noqa: B023
            steps["decided"].append(timed(lambda: decide(worker, jobs)))  # noqa: B023
            for stage in ("eligible", "ready_to_send"):
                steps[stage].append(timed(lambda: claim(worker, stage, LIMIT)))  # noqa: B023
    times = {step: taken[2:] for step, taken in steps.items()}
    one_queue, served = _beside_a_newcomer(postgres, database, repetitions)
    return [
        line_of_times(f"claim of {LIMIT} with one long queue and a newcomer", one_queue, AT_MOST),
        Line(
            "  of a new tenant's contacts in the first claim",
            f"{served} of {NEWCOMERS}",
            "",
            "all",
            served == NEWCOMERS,
        ),
        line_of_times(f"claim of {LIMIT} with {waiting:,} queued on 101 pages", times["queued"]),
        line_of_plans(findings(plans)),
        line_of_times("deciding about them, of all pages at once", times["decided"]),
        line_of_times(f"claim of {LIMIT} eligible, of all pages", times["eligible"]),
        line_of_times(f"claim of {LIMIT} ready to send, of all pages", times["ready_to_send"]),
    ]


def _waiting(postgres: Postgres, database: str) -> int:
    query = (
        "select count(*) from public.ai_automation_contact_states where current_stage = 'queued'"
    )
    with as_superuser(postgres, database) as connection:
        [[waiting]] = connection.execute(query).fetchall()
    return int(waiting)


def _beside_a_newcomer(
    postgres: Postgres, database: str, repetitions: int
) -> tuple[list[float], int]:
    """Claims while one tenant has the long queue and another has just come, commit included.

    And how many of the newcomer's contacts were in them, at the least.
    """
    times, served = [], []
    with as_superuser(postgres, database) as admin, as_worker(postgres, database) as worker:
        admin.execute(OTHERS_REST)
        admin.execute("vacuum (analyze) public.ai_automation_contact_states")
        for _ in range(repetitions + 2):
            arrived = {state_id for (state_id,) in admin.execute(ARRIVE)}
            jobs: list[Job] = []
            times.append(timed(lambda: jobs.extend(claim(worker, "queued", LIMIT))))  # noqa: B023
            served.append(len(arrived & {job[0] for job in jobs}))
    return times[2:], min(served)
