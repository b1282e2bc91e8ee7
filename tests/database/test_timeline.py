"""This file is where a person reads what happened to one contact, from the first stage on."""

from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import Worker, call_as, run_now


def test_every_stage_try_and_message_is_told_newest_first(world):
    owner = world.user()
    page = world.page(owner)
    rule = world.rule(page)
    contact = world.contact(page)
    world.insert(
        "public.contact_messages",
        user_id=owner["id"],
        contact_id=contact["id"],
        direction="in",
        body="Is there cake?",
        said_at=ago(hours=2),
    )
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    [sent] = worker.send()

    told = call_as(world, owner, "contact_timeline", p_state_id=sent["state_id"])

    assert [entry["stage"] for entry in told["stages"]] == [
        *("sent", "sending", "ready_to_send", "generating", "eligible", "checking", "queued")
    ]
    assert [entry["by"] for entry in told["stages"]][-1] == "person"
    assert {entry["by"] for entry in told["stages"][:-1]} == {"worker"}
    assert told["stages"][0]["until"] is None
    assert [new["at"] for new in told["stages"][:-1]] == [
        old["until"] for old in told["stages"][1:]
    ]
    [attempt] = told["attempts"]
    assert (attempt["outcome"], attempt["message"]) == ("sent", "See you Saturday?")
    assert told["messages"][-1]["text"] == "Is there cake?"


def test_a_try_that_was_put_off_waits_only_until_the_next_one_or_the_end(world):
    owner = world.user()
    page = world.page(owner)
    contact = world.contact(page)
    run_now(world, world.rule(page, review_before_send=True))
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    [state] = world.rows("select id from public.ai_automation_contact_states")
    assert call_as(world, owner, "contact_timeline", p_state_id=state["id"])["review"]
    call_as(world, owner, "approve_message", p_state_id=state["id"])

    def put_off():
        jobs = worker.claim("ready_to_send")
        worker.record(jobs, "ready_to_send", attempt_outcome="retry", after_seconds=0.0)

    def told(outcome=""):
        fits = Jsonb({"outcome": outcome})
        tries = call_as(world, owner, "list_attempts", p_filter=fits)["attempts"]
        if not outcome:
            timeline = call_as(world, owner, "contact_timeline", p_state_id=state["id"])
            story = call_as(world, owner, "contact_story", p_contact_id=contact["id"])["entries"]
            assert not timeline["review"]
            assert [each["outcome"] for each in timeline["attempts"]] == [
                each["outcome"] for each in tries
            ]
            assert [each["outcome"] for each in story if each["kind"] == "attempt"] == [
                each["outcome"] for each in tries
            ]
        return [each["outcome"] for each in tries]

    put_off()
    assert told() == told("retry") == ["retry"]
    put_off()
    assert told() == ["retry", "retried"]
    assert (told("retry"), told("retried"), told("dropped")) == (["retry"], ["retried"], [])
    call_as(world, owner, "cancel_contacts", p_state_ids=[state["id"]])
    assert told() == ["dropped", "retried"]
    assert told("retry") == []


def test_somebody_elses_contact_does_not_exist(world):
    owner = world.user()
    page = world.page(owner)
    world.contact(page)
    run_now(world, world.rule(page))
    [state] = world.rows("select id from public.ai_automation_contact_states")

    assert call_as(world, owner, "contact_timeline", p_state_id=state["id"]) is not None
    assert call_as(world, world.user(), "contact_timeline", p_state_id=state["id"]) is None
