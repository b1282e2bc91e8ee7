"""This file is where one page or one model does not answer, and the others are served meanwhile."""

import asyncio

import pytest
from psycopg.types.json import Jsonb

from pipeline.model import Job
from pipeline.vault import Vault
from tests.builders import ago
from tests.database.acting import call, run_now
from tests.story.telling import KEY

PEOPLE = 10
SLOW = "Hanna Slow"


@pytest.fixture
def other(story):
    """The automation of another owner, on a page and with a model of its own."""
    token = Vault(KEY).seal("sandbox-page-token")
    page = story.world.page(story.world.user(), encrypted_token=token)
    return story.world.rule(page, wait_minutes=60, model="gemini-of-another")


def bring(story, rule, people=PEOPLE, **values):
    """So many contacts of the automation are on their way, and checked."""
    page = {"id": rule["page_id"], "user_id": rule["user_id"]}
    contacts = [story.world.contact(page, **values) for _ in range(people)]
    run_now(story.world, rule)
    story.turn("check")
    return contacts


def stages(story, rule):
    """The stages of the automation's contacts."""
    return [
        row["current_stage"]
        for row in story.world.rows(
            "select current_stage::text from public.ai_automation_contact_states"
            " where rule_id = %s order by id",
            rule["id"],
        )
    ]


def serve(story, lane, turn, slow, others, is_served):
    """The turn again and again until the others are served, or a slow call is over.

    Others come only when the slow ones have been taken up. Returns how many slow calls there were
    at most.
    """
    in_hand = []

    def count():
        held = [one for one in lane.tasks.values() if isinstance(one, Job)]
        in_hand.append(sum(one.rule_id == str(slow["id"]) for one in held))
        return in_hand[-1]

    async def again():
        while True:
            await turn()
            await asyncio.sleep(0.01)

    async def until(done):
        while not done():
            await asyncio.sleep(0.01)

    async def scenario():
        working = asyncio.ensure_future(again())
        await until(lambda: count() >= 3)
        await asyncio.to_thread(others)
        await until(lambda: count() < 3 or is_served())
        working.cancel()
        served, under_way = is_served(), count()
        await story.worker.turns.finish(within_seconds=0)
        return served, under_way

    served, under_way = story.worker.run(scenario())
    return served, under_way, max(in_hand)


@pytest.mark.parametrize("quick_before", [0, 2])
def test_all_contacts_of_one_page_are_sent_to_while_another_page_does_not_answer(
    story, other, quick_before
):
    bring(story, story.rule, quick_before)
    story.turn("write", "send")
    slow = bring(story, story.rule)
    ready = bring(story, other)
    story.turn("write")
    later = "update public.ai_automation_contact_states set due_at = {} where rule_id = %s"
    story.world.connection.execute(later.format("now() + interval '1 day'"), [other["id"]])
    for contact in slow:
        story.facebook.fault("facebook", "hang", recipient=contact["sender_id"])

    turns = story.worker.turns
    served, under_way, most = serve(
        story,
        turns.sending,
        turns.send,
        story.rule,
        lambda: story.world.connection.execute(later.format("now()"), [other["id"]]),
        lambda: set(stages(story, other)) == {"sent"},
    )

    # Who was quick a moment ago may have all places but one.
    assert (served, under_way) == (True, most)
    assert most <= (5 if quick_before else 3)
    assert {contact["sender_id"] for contact in ready} <= received(story)


def test_all_contacts_of_one_model_are_written_to_while_another_model_hangs(story, other):
    bring(story, story.rule, sender_name=SLOW)
    story.facebook.fault("google", "hang", times=100, containing=SLOW)

    turns = story.worker.turns
    served, under_way, most = serve(
        story,
        turns.writing,
        turns.write,
        story.rule,
        lambda: bring_ready(story, other),
        lambda: stages(story, other) == ["ready_to_send"] * PEOPLE,
    )

    assert (served, under_way, most) == (True, 3, 3)


def bring_ready(story, rule):
    """Ten contacts of the automation come by while the worker works."""
    page = {"id": rule["page_id"], "user_id": rule["user_id"]}
    for _ in range(PEOPLE):
        contact = story.world.contact(page)
        story.world.insert(
            "public.ai_automation_contact_states",
            user_id=rule["user_id"],
            rule_id=rule["id"],
            contact_id=contact["id"],
            current_stage="eligible",
        )


def test_a_model_that_was_never_called_is_called_while_the_only_known_one_is_away(story, other):
    bring(story, story.rule, sender_name=SLOW)
    story.facebook.fault("google", "unavailable", times=100, containing=SLOW)
    story.turn("write", "write")
    bring(story, other)

    story.turn("write")

    assert stages(story, other) == ["ready_to_send"] * PEOPLE
    assert set(stages(story, story.rule)) == {"eligible"}


def test_answers_to_a_stop_wait_for_no_other_page(story, caplog):
    """Whoever said STOP to a page that answers is told so while other pages' calls hang."""
    token = Vault(KEY).seal("sandbox-page-token")
    people = []
    for _ in range(6):
        page = story.world.page(story.world.user(), encrypted_token=token)
        people.append(story.world.contact(page)["sender_id"])
        said = {"sender_id": people[-1], "direction": "in", "text": "STOP"}
        said |= {"mid": f"m_{page['id']}", "said_at": ago(seconds=1).isoformat()}
        told = {"p_page_id": page["id"], "p_messages": Jsonb([said])}
        call(story.world.connection, "hear_messages", **told)
    slow, quick = people[::2], set(people[1::2])
    for person in slow:
        story.facebook.fault("facebook", "hang", recipient=person)

    async def scenario():
        turn = asyncio.ensure_future(story.worker.turns.confirm())
        while not turn.done() and not quick <= received(story):
            await asyncio.sleep(0.01)
        turn.cancel()

    story.worker.run(scenario())

    assert quick <= received(story)
    assert "confirmation" not in caplog.messages, "a call that hung was over before"


def received(story):
    return {message["recipient_id"] for message in story.facebook.messages()}
