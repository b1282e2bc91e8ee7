"""This file is where writing is shown to give a fit text, a later try, or a reason."""

import re
from dataclasses import replace

import pytest

from local.sandbox.writing import compose
from pipeline.adapters.prompt import instruct, tell
from pipeline.model import Advance, Fail, Retry, Said
from pipeline.stages import Stage
from pipeline.steps.text_checks import find_fault
from tests.providers.jobs import JOB, Desk


def said(by: str, text: str) -> Said:
    assert JOB.attempt_started_at is not None
    return Said(by, text, JOB.attempt_started_at)


def test_a_message_is_written_with_everything_that_is_recorded_about_it(desk: Desk) -> None:
    outcome = desk.write(desk.job())

    assert isinstance(outcome, Advance)
    assert outcome.to is Stage.READY_TO_SEND
    assert "Amina" in outcome.fields["generated_message"]
    assert outcome.fields["ai_model"] == desk.settings.google_model
    assert outcome.fields["tokens_in"] > 0
    assert outcome.fields["tokens_out"] > 0
    assert outcome.fields["generation_time_ms"] >= 0


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Ольга Петрова", "Ольга"),
        ("محمد العلي", "محمد"),
        ("さくら 田中", "さん"),
        ("प्रिया शर्मा", "प्रिया"),
        ("Ελένη Νικολάου", "Ελένη"),
        ("김민수", "김민수님"),
    ],
)
def test_a_contact_is_addressed_in_their_own_script(desk: Desk, name: str, word: str) -> None:
    outcome = desk.write(desk.job(contact_name=name))

    assert isinstance(outcome, Advance)
    assert word in outcome.fields["generated_message"]


@pytest.mark.parametrize(
    "language",
    [
        *("en", "es", "pt", "fr", "de", "it", "vi", "tr", "ru", "uk", "el"),
        *("ar", "he", "hi", "th", "zh", "ja", "ko", "bn"),
    ],
)
def test_a_contact_without_a_name_is_greeted_without_a_gap(language: str) -> None:
    for page in range(9):
        job = replace(JOB, contact_name="", language=language, page_name=f"Page {page}")
        text = compose(instruct(job), tell(job))

        assert not re.search(r"\w [,，、]|^[^\w¡👋]|None|null", text)
        assert find_fault(text, [], job.prompt, "") is None


def test_a_sequence_does_not_repeat_itself(desk: Desk) -> None:
    history: tuple[Said, ...] = (said("contact", "How much is a cake?"),)
    for _ in range(3):
        outcome = desk.write(desk.job(history=history))
        assert isinstance(outcome, Advance)
        history += (said("page", outcome.fields["generated_message"]),)

    assert len({message.text for message in history}) == 4


def test_the_rule_chooses_the_model(desk: Desk) -> None:
    outcome = desk.write(desk.job(model="gemini-3.8-flash"))

    assert isinstance(outcome, Advance)
    assert outcome.fields["ai_model"] == "gemini-3.8-flash"


def test_a_model_that_is_gone_is_named_as_the_cause(desk: Desk) -> None:
    outcome = desk.write(desk.job(model="gemini-2.0-flash"))

    assert isinstance(outcome, Fail)
    assert outcome.code == "ai_model_unknown"
    assert "GOOGLE_MODEL" in outcome.hint


def test_one_unfit_draft_is_written_again_and_both_are_paid_for(desk: Desk) -> None:
    once = desk.write(desk.job())
    desk.sandbox.fault("google", "placeholder")
    twice = desk.write(desk.job())

    assert isinstance(once, Advance)
    assert isinstance(twice, Advance)
    assert "[" not in twice.fields["generated_message"]
    assert twice.fields["tokens_in"] > 1.8 * once.fields["tokens_in"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("empty", "ai_empty"),
        ("max-tokens", "ai_empty"),
        ("malformed", "text_json"),
        ("placeholder", "text_placeholder"),
        ("refusal", "text_refusal"),
        ("too-long", "text_too_long"),
        ("huge", "text_too_long"),
        ("link", "text_link"),
        ("wrong-language", "text_language"),
    ],
)
def test_two_unfit_drafts_fail_with_the_reason(desk: Desk, kind: str, code: str) -> None:
    desk.sandbox.fault("google", kind, times=2)

    outcome = desk.write(desk.job(history=(said("contact", "How much is a cake?"),)))

    assert isinstance(outcome, Fail)
    assert outcome.code == code
    assert outcome.hint


def test_the_same_text_as_last_time_is_not_sent_again(desk: Desk) -> None:
    desk.sandbox.fault("google", "repeat", times=3)
    first = desk.write(desk.job())
    assert isinstance(first, Advance)

    outcome = desk.write(desk.job(history=(said("page", first.fields["generated_message"]),)))

    assert isinstance(outcome, Fail)
    assert outcome.code == "text_repeated"


@pytest.mark.parametrize("kind", ["blocked", "prompt-blocked"])
def test_a_blocked_message_fails_with_googles_reason(desk: Desk, kind: str) -> None:
    desk.sandbox.fault("google", kind)

    outcome = desk.write(desk.job())

    assert isinstance(outcome, Fail)
    assert outcome.code == "ai_blocked"
    assert "SAFETY" in outcome.message or "PROHIBITED_CONTENT" in outcome.message


@pytest.mark.parametrize(
    ("kind", "code"),
    [("invalid-key", "ai_key_refused"), ("permission", "ai_key_refused")],
)
def test_a_refused_key_names_the_setting(desk: Desk, kind: str, code: str) -> None:
    desk.sandbox.fault("google", kind)

    outcome = desk.write(desk.job())

    assert isinstance(outcome, Fail)
    assert outcome.code == code
    assert "GOOGLE_API_KEY" in outcome.hint


@pytest.mark.parametrize("kind", ["internal", "unavailable", "bad-gateway", "reset-before"])
def test_a_failing_google_is_asked_again_later(desk: Desk, kind: str) -> None:
    desk.sandbox.fault("google", kind)

    outcome = desk.write(desk.job())

    assert isinstance(outcome, Retry)
    assert outcome.code == "ai_unavailable"
    assert 2.5 <= outcome.after_seconds <= 5


@pytest.mark.parametrize("kind", ["hang", "slow"])
def test_a_silent_google_is_given_up_at_the_time_limit(hasty: Desk, kind: str) -> None:
    hasty.sandbox.fault("google", kind, seconds=1)

    outcome = hasty.write(hasty.job())

    assert isinstance(outcome, Retry)
    assert outcome.code == "ai_unavailable"


def test_an_unreachable_google_is_asked_again_later(alone: Desk) -> None:
    assert isinstance(alone.write(alone.job()), Retry)


def test_the_sdk_does_not_repeat_calls_by_itself(desk: Desk) -> None:
    desk.sandbox.fault("google", "unavailable", times=1)

    assert isinstance(desk.write(desk.job()), Retry)


def test_googles_own_waiting_time_is_kept(desk: Desk) -> None:
    desk.sandbox.fault("google", "rate-limit")

    outcome = desk.write(desk.job())

    assert isinstance(outcome, Retry)
    assert outcome.code == "ai_rate_limited"
    assert outcome.after_seconds >= 2.5


def test_a_daily_quota_waits_for_its_reset_not_for_retry_info(desk: Desk) -> None:
    desk.sandbox.fault("google", "daily-quota")

    outcome = desk.write(desk.job())

    assert isinstance(outcome, Retry)
    assert outcome.code == "ai_daily_quota"
    assert outcome.after_seconds < 27.6 * 3600


def test_after_eight_tries_a_person_must_look(desk: Desk) -> None:
    desk.sandbox.fault("google", "internal")

    outcome = desk.write(desk.job(attempt=7))

    assert isinstance(outcome, Fail)
    assert outcome.code == "ai_unavailable"
