"""This file is where a person asks for a test message, and a worker writes it."""

import asyncio

import pytest
from postgrest import APIError

from tests.builders import Row, ago
from tests.running import PATIENCE
from tests.story.telling import Story

SETTINGS = {"prompt": "Ask about the cake.", "language": "", "model": "", "max_follow_ups": 3}


def ask(story: Story, contact: Row, **settings: object) -> str:
    asked = {**SETTINGS, "id": str(story.rule["id"]), **settings}
    answer = story.call("request_preview", p_contact_id=str(contact["id"]), p_rule=asked)
    return str(answer["id"])


def read(story: Story, preview_id: str) -> Row:
    """What the owner sees of it."""
    table = story.user().table("ai_automation_previews")
    [row] = table.select("*").eq("id", preview_id).execute().data
    return dict(row)  # type: ignore[arg-type]


def test_it_is_written_by_the_real_writer_and_sent_to_nobody(story: Story) -> None:
    contact = story.contact(sender_name="Ольга Петрова")
    preview = ask(story, contact, model="gemini-2.5-flash")

    story.turn("preview", "check", "write", "send")

    row = read(story, preview)
    assert "Ольга" in row["message"]
    assert row["ai_model"] == "gemini-2.5-flash"
    assert row["tokens_in"] > 0
    assert row["error_message"] is None
    assert story.facebook.messages() == []
    assert story.world.rows("select 1 from public.ai_automation_contact_states") == []


def test_it_is_handed_out_once(story: Story) -> None:
    ask(story, story.contact())

    first = story.worker.run(story.worker.store.claim_previews(9))
    second = story.worker.run(story.worker.store.claim_previews(9))

    assert (len(first), second) == (1, [])


def test_one_that_waited_too_long_is_given_up(story: Story) -> None:
    preview = ask(story, story.contact())
    story.update("ai_automation_previews", {"id": preview}, asked_at=ago(minutes=2))

    story.turn("preview")

    assert read(story, preview)["taken_at"] is None


def test_one_in_hand_is_written_before_the_worker_ends(story: Story) -> None:
    preview = ask(story, story.contact())
    story.facebook.fault("google", "slow", times=1, seconds=0.5)
    turns = story.worker.turns

    async def stop_while_writing() -> None:
        writing = asyncio.ensure_future(turns.preview())
        await asyncio.sleep(0)
        await turns.finish(within_seconds=PATIENCE)
        assert writing.done()

    story.worker.run(stop_while_writing())

    assert read(story, preview)["message"]


@pytest.mark.parametrize("kind", ["rate-limit", "blocked"])
def test_why_there_is_none_is_told_in_words(story: Story, kind: str) -> None:
    story.facebook.fault("google", kind)
    preview = ask(story, story.contact())

    story.turn("preview")

    row = read(story, preview)
    assert row["message"] is None
    assert row["error_message"]
    assert row["error_hint"]


def test_a_stranger_gets_none_and_sees_none(story: Story) -> None:
    contact, stranger = story.contact(), story.world.user()
    preview = ask(story, contact)
    asked = {"p_contact_id": str(contact["id"]), "p_rule": SETTINGS}

    with pytest.raises(APIError, match="does not exist"):
        story.user(stranger).rpc("request_preview", asked).execute()

    table = story.user(stranger).table("ai_automation_previews")
    assert table.select("*").eq("id", preview).execute().data == []


@pytest.mark.parametrize(
    ("change", "refusal"),
    [({"prompt": "x" * 8001}, "too long"), ({"model": "x" * 201}, "too long")],
    ids=str,
)
def test_what_a_form_would_not_take_is_refused(story: Story, change: Row, refusal: str) -> None:
    with pytest.raises(APIError, match=refusal):
        ask(story, story.contact(), **change)


def test_twenty_in_ten_minutes_are_the_limit(story: Story) -> None:
    contact = story.contact()
    for _ in range(20):
        story.world.insert(
            "public.ai_automation_previews",
            user_id=story.owner["id"],
            page_id=story.page["id"],
            contact_id=contact["id"],
            prompt="",
            language="",
            model="",
        )

    with pytest.raises(APIError, match="are the limit"):
        ask(story, contact)


def test_an_hour_later_it_is_forgotten(story: Story) -> None:
    preview = ask(story, story.contact())
    story.update("ai_automation_previews", {"id": preview}, asked_at=ago(minutes=61))

    story.turn("maintain")

    assert story.world.rows("select 1 from public.ai_automation_previews") == []
