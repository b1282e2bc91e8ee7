"""This file is where a person reads what happened to one contact, from the first stage on."""

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


def test_somebody_elses_contact_does_not_exist(world):
    owner = world.user()
    page = world.page(owner)
    world.contact(page)
    run_now(world, world.rule(page))
    [state] = world.rows("select id from public.ai_automation_contact_states")

    assert call_as(world, owner, "contact_timeline", p_state_id=state["id"]) is not None
    assert call_as(world, world.user(), "contact_timeline", p_state_id=state["id"]) is None
