"""This file is where messages are heard: replies, opt-outs, echoes, in any order, repeatedly."""

import random
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, change, run_now

LONG_AGO = ago(hours=2)


@pytest.fixture
def page(world):
    return world.page(world.user())


@pytest.fixture
def worker(world):
    return Worker(world.connection)


def hear(world, page, *messages):
    [answer] = call(
        world.connection, "hear_messages", p_page_id=page["id"], p_messages=Jsonb(messages)
    )
    return answer["hear_messages"]


def said(sender_id, text="Hello", at=None, **more):
    moment = at or ago(minutes=1)
    words = {"direction": "in", "mid": f"m_{random.random()}", "text": text}  # noqa: S311
    return {"sender_id": sender_id, "said_at": moment.isoformat(), **words, **more}


def stages(world):
    found = world.rows(
        "select s.current_stage::text as stage, s.reason_code"
        " from public.ai_automation_contact_states as s order by s.id"
    )
    return [tuple(row.values()) for row in found]


def stored(world, sender_id):
    [row] = world.rows("select * from public.contacts where sender_id = %s", sender_id)
    return row


def test_a_reply_ends_what_waits_in_every_automation_that_stops_on_replies(world, page, worker):
    contact = world.contact(page, sender_id="77", last_inbound_at=LONG_AGO)
    ready, queued, goes_on = (
        world.rule(page),
        world.rule(page),
        world.rule(page, stop_on_reply=False),
    )
    run_now(world, ready)
    worker.check()
    worker.write()
    for rule in (queued, goes_on):
        run_now(world, rule)
    moment = world.rows("select now() as at")[0]["at"]

    answer = hear(world, page, said("77", "It was lovely", at=moment, mid="m_1"))

    assert stages(world) == [("completed", "replied"), ("completed", "replied"), ("queued", None)]
    assert (answer["stored"], answer["ended"], answer["opted_out"]) == (1, 2, 0)
    for rule in (ready, queued, goes_on):
        books.check_counts(world, rule)
    again = hear(world, page, said("77", "It was lovely", at=moment, mid="m_1"))
    assert (again["stored"], again["ended"]) == (0, 0)
    assert stored(world, "77")["last_inbound_at"] == moment
    assert stored(world, "77")["id"] == contact["id"]


def test_stop_ends_everything_and_nothing_but_start_revives(world, page, worker):
    world.contact(page, sender_id="77", last_inbound_at=LONG_AGO)
    rules = [world.rule(page, stop_on_reply=False) for _ in range(4)]
    for rule in rules[:3]:
        run_now(world, rule)
    worker.check(2)
    worker.write(1)
    worker.send()
    run_now(world, rules[3])
    change(world, "ai_automation_rules", rules[2], enabled=False)

    answer = hear(world, page, said("77", "Stop!", at=ago(seconds=1)))

    assert stages(world) == [("completed", "opted_out")] * 4
    assert (answer["opted_out"], answer["ended"]) == (1, 3), "one was sent, which a trigger ends"
    assert stored(world, "77")["opted_out_by"] == "contact"
    assert hear(world, page, said("77", "a question"))["opted_in"] == 0
    assert hear(world, page, said("77", "START", at=ago(seconds=0)))["opted_in"] == 1
    assert stored(world, "77")["opted_out_at"] is None
    assert stages(world) == [("completed", "opted_out")] * 4


@pytest.mark.parametrize("seed", range(3))
def test_the_newest_word_decides_in_whatever_order_they_come(shared_world, seed):
    page = shared_world.page(shared_world.user())
    draw = random.Random(seed)  # noqa: S311
    words = [draw.choice(["stop", "start", "Hello"]) for _ in range(12)]
    told = [
        said("77", word, at=LONG_AGO + timedelta(minutes=minute), mid=f"m_{minute}")
        for minute, word in enumerate(words)
    ]
    newest = next((word for word in reversed(words) if word != "Hello"), "start")
    mixed = draw.sample(told, len(told)) + draw.sample(told, 4)

    for one in (*mixed[:8], mixed[8:]):
        hear(shared_world, page, *(one if isinstance(one, list) else [one]))

    [contact] = shared_world.rows("select * from public.contacts where page_id = %s", page["id"])
    assert (contact["opted_out_at"] is not None) == (newest == "stop")
    assert contact["last_inbound_at"] == LONG_AGO + timedelta(minutes=11)
    texts = shared_world.rows(
        "select body from public.contact_messages where contact_id = %s order by said_at",
        contact["id"],
    )
    assert [row["body"] for row in texts] == words


def test_in_one_moment_stop_counts_and_start_does_not_lift_what_the_owner_set(shared_world):
    page = shared_world.page(shared_world.user())
    moment = ago(minutes=5)
    for number, order in enumerate((("stop", "start"), ("start", "stop"))):
        for word in order:
            hear(shared_world, page, said(f"8{number}", word, at=moment))
        assert stored(shared_world, f"8{number}")["opted_out_by"] == "contact"
    mine = {"opted_out_at": ago(days=1), "opted_out_by": "owner"}
    shared_world.contact(page, sender_id="90", **mine)

    hear(shared_world, page, said("90", "start"))
    assert stored(shared_world, "90")["opted_out_by"] == "owner"
    hear(shared_world, page, said("90", "stop", at=ago(seconds=1)))
    assert stored(shared_world, "90")["opted_out_by"] == "contact"


def test_what_is_said_fills_in_what_is_missing_and_changes_nothing_else(shared_world):
    page = shared_world.page(shared_world.user())
    shared_world.contact(page, sender_id="91", sender_name="Ana", last_inbound_at=LONG_AGO)
    told = {"sender_name": "Somebody", "time_zone": "Europe/Berlin"}
    out = said("91", "Welcome", direction="out", at=ago(hours=3))

    hear(shared_world, page, out, said("91", at=ago(hours=5), **told))
    hear(shared_world, page, said("92", "Hi", at=ago(days=-3), sender_name="Bo", time_zone="Mars"))
    ana, bo = stored(shared_world, "91"), stored(shared_world, "92")
    assert (ana["sender_name"], ana["time_zone"]) == ("Ana", "Europe/Berlin")
    assert ana["last_inbound_at"] == LONG_AGO
    assert ana["last_outbound_at"].isoformat() == out["said_at"]
    assert (bo["sender_name"], bo["time_zone"]) == ("Bo", None)
    assert bo["last_inbound_at"] <= ago(), "nobody wrote in the future"


def test_what_cannot_be_understood_is_counted_and_the_rest_is_heard(shared_world):
    page = shared_world.page(shared_world.user())
    bad = [{"sender_id": "93"}, {**said(""), "mid": None}, "words", None, [], {}]
    bad += [said("93", direction="up"), said("93", said_at="yesterday"), said("9" * 201)]
    bad += [
        said("93", said_at="1999-01-01"),
        said("93", said_at=None),
        {**said("1"), "sender_id": []},
    ]

    answer = hear(shared_world, page, *bad, said("94", metadata="stagelight:nonsense"))

    assert (answer["refused"], answer["stored"]) == (len(bad), 1)


def test_an_echo_settles_what_nobody_knows_and_leaves_what_a_worker_awaits(world, page, worker):
    for number in range(2):
        world.contact(page, sender_id=f"7{number}", last_inbound_at=ago(hours=3 - number))
    rule = world.rule(page, max_follow_ups=3)
    run_now(world, rule)
    worker.check()
    worker.write()
    unknown, awaited = worker.claim("ready_to_send")
    lost = {"error_code": "outcome_unknown", "attempt_outcome": "unknown"}
    worker.record([unknown], "sending", **lost, after_seconds=30)
    echoes = [echo(job) for job in (unknown, awaited)]

    answer = hear(world, page, *echoes)

    assert stages(world) == [("sent", None), ("sending", None)]
    assert (answer["settled"], answer["in_hand"]) == (1, [echoes[1]["mid"]])
    again = hear(world, page, *echoes)
    assert (again["settled"], again["stored"]) == (0, 0), "told twice is known once"

    change(
        world, "ai_automation_contact_states", {"id": awaited["state_id"]}, lease_expires_at=ago()
    )
    assert hear(world, page, echoes[1])["settled"] == 1, "its worker is gone"
    [late] = worker.record([awaited], "sent", attempt_outcome="sent", facebook_message_id="m_x")
    assert late["problem"] == "not_held"
    tries = world.rows("select outcome, facebook_message_id as mid from public.automation_history")
    assert sorted(row["mid"] for row in tries) == sorted(one["mid"] for one in echoes)
    assert {row["outcome"] for row in tries} == {"sent"}
    books.check_counts(world, rule)
    assert len(world.rows("select id from public.contact_messages")) == 2


def test_an_echo_that_comes_after_the_contact_was_given_up_moves_it_to_sent(world, page, worker):
    world.contact(page, sender_id="77", last_inbound_at=ago(hours=3))
    rule = world.rule(page)
    run_now(world, rule)
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send")
    worker.record([job], "failed", error_code="outcome_unknown", attempt_outcome="unknown")

    answer = hear(world, page, said("77", "Thanks!", at=ago(seconds=-1)), echo(job))

    assert answer["settled"] == 1
    assert stages(world) == [("completed", "replied")], "and the reply to it counts"
    books.check_counts(world, rule)


def echo(job):
    told = {"direction": "out", "metadata": f"stagelight:{job['attempt_id']}"}
    return said(job["sender_id"], "See you Saturday?", mid=f"m_{job['state_id']}", **told)


def test_who_was_deleted_stays_out_until_they_write_and_has_still_said_stop(shared_world):
    person = shared_world.user()
    page = shared_world.page(person)
    bury(shared_world, page, "95", said_stop=True)
    rows = Jsonb([{"sender_id": "95"}, {"sender_id": "96"}])

    brought = call_as(
        shared_world, person, "import_contacts", p_page_id=page["id"], p_contacts=rows
    )
    heard = hear(shared_world, page, said("95", at=LONG_AGO), said("95", direction="out", at=ago()))
    assert (brought["imported"], [row["line"] for row in brought["rejected"]]) == (1, [1])
    assert (heard["kept_out"], heard["contacts"], heard["stored"]) == (1, 0, 0)

    back = hear(shared_world, page, said("95", "Hello again"), said("95", "Old", at=LONG_AGO))
    assert (back["kept_out"], back["contacts"], back["stored"]) == (1, 1, 1)
    assert stored(shared_world, "95")["opted_out_by"] == "contact"
    assert hear(shared_world, page, said("95", "START", at=ago()))["opted_in"] == 1


def bury(world, page, sender_id, **values):
    [row] = call(
        world.connection,
        "person_hash",
        p_facebook_page_id=page["facebook_page_id"],
        p_sender_id=sender_id,
    )
    told = {"person_hash": row["person_hash"], "deleted_at": ago(hours=1), **values}
    return world.insert("public.contact_tombstones", user_id=page["user_id"], **told)
