"""This file is where sums over everybody are told to who has the token, and each move once."""

import hashlib

from tests.database.acting import Worker, call, change, run_now

TOKEN = "a long random token"
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
OVER = "update public.ai_automation_stage_minutes set minute = minute - interval '3 minutes'"
START = "update public.metrics_marks set counted_until = counted_until - interval '10 minutes'"


def metrics(world, token=TOKEN):
    [row] = call(world.connection, "metrics", p_token=token)
    return row["metrics"]


def entered(told):
    found: dict = {}
    for stage, _, entered, _, _ in told["totals"] or []:
        found[stage] = found.get(stage, 0) + entered
    return found


def test_without_the_token_nothing_is_told_and_a_worker_takes_it_back(world):
    assert metrics(world) is None
    call(world.connection, "set_metrics_key", p_token_hash=HASH)

    assert metrics(world) is not None
    assert metrics(world, "guessed") is None
    assert metrics(world, "") is None
    assert metrics(world, HASH) is None
    call(world.connection, "set_metrics_key", p_token_hash="")
    assert metrics(world) is None


def test_sums_are_over_all_owners_and_every_minute_counts_once(world):
    call(world.connection, "set_metrics_key", p_token_hash=HASH)
    rules = []
    for _ in range(2):
        page = world.page(world.user())
        rules.append(world.rule(page))
        world.contact(page)
        world.contact(page)
        run_now(world, rules[-1])
    worker = Worker(world.connection)
    call(
        world.connection,
        "beat",
        **{"p_worker": worker.name, "p_version": "", "p_doing": "", "p_held": []},
        p_lease_seconds=30,
    )
    worker.check()
    held = worker.claim("eligible", limit=1)
    change(
        world, "ai_automation_contact_states", {"id": held[0]["state_id"]}, lease_expires_at="now"
    )
    world.connection.execute(OVER)
    world.connection.execute(START)

    told = metrics(world)

    assert told["stages"]["eligible"]["contacts"] == 3
    assert told["stages"]["eligible"]["oldest_seconds"] >= 0
    assert (told["lost"], told["workers"]) == (1, 1)
    assert told["pages"] == {"active": 2}
    assert entered(told)["eligible"] == 4
    world.connection.execute("delete from public.ai_automation_rules")
    again = metrics(world)
    assert entered(again) == entered(told)
    assert again["stages"] is None


def test_pages_are_told_apart_by_who_or_what_stopped_them(world):
    call(world.connection, "set_metrics_key", p_token_hash=HASH)
    for changes in (
        {},
        {"paused_at": "now"},
        {"paused_until": "infinity"},
        {"paused_until": "infinity", "paused_at": "now"},
        {"status": "restricted", "paused_at": "now"},
        {"status": "token_invalid", "disconnected_at": "now"},
    ):
        page = world.page(world.user())
        if changes:
            change(world, "facebook_pages", page, **changes)

    assert metrics(world)["pages"] == {
        **{"active": 1, "paused": 2, "waiting": 1, "restricted": 1, "disconnected": 1}
    }
