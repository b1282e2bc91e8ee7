"""This file is where sending is shown to happen at most once, and to name every outcome."""

import hashlib
import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from local.sandbox.serve import serve_sandbox
from local.sandbox.server import SandboxConfig
from pipeline.model import Advance, Fail, Retry
from pipeline.settings import Settings
from pipeline.stages import Stage
from tests.providers.jobs import PAGE, PERSON, TOKEN, Desk


def test_a_message_arrives_with_the_attempts_id(desk: Desk) -> None:
    outcome = desk.send(desk.job())

    (received,) = desk.sandbox.messages()
    assert isinstance(outcome, Advance)
    assert outcome.to is Stage.SENT
    assert outcome.fields["facebook_message_id"] == received["message_id"]
    assert (received["page_id"], received["recipient_id"]) == (PAGE, PERSON)
    assert received["text"] == desk.job().message
    assert received["metadata"] == "stagelight:4711"
    assert received["messaging_type"] == "RESPONSE"


@pytest.mark.parametrize(
    ("kind", "arrived"),
    [
        ("refuse-before", 0),
        ("accept-then-error", 1),
        ("accept-then-garbage", 1),
        ("accept-then-flood", 1),
        ("accept-then-packed", 1),
        ("wrong-recipient", 1),
        ("reset-before", 0),
        ("reset-after-accept", 1),
        ("bad-gateway", 0),
    ],
)
def test_an_unclear_answer_leaves_the_outcome_unknown(desk: Desk, kind: str, arrived: int) -> None:
    desk.sandbox.fault("facebook", kind)

    outcome = desk.send(desk.job())

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.unknown) == ("outcome_unknown", True)
    assert len(desk.sandbox.messages()) == arrived


@pytest.mark.parametrize("kind", ["hang", "hang-after-accept", "slow"])
def test_silence_leaves_the_outcome_unknown(hasty: Desk, kind: str) -> None:
    hasty.sandbox.fault("facebook", kind, seconds=1)

    outcome = hasty.send(hasty.job())

    assert isinstance(outcome, Fail)
    assert outcome.unknown


def test_an_unreachable_facebook_is_surely_not_sent_to(alone: Desk) -> None:
    outcome = alone.send(alone.job())

    assert isinstance(outcome, Retry)
    assert outcome.code == "facebook_unreachable"
    assert outcome.pause_page_seconds == 0


@pytest.mark.parametrize(
    "kind", ["rate-limit", "app-rate-limit", "page-rate-limit", "business-rate-limit"]
)
def test_a_rate_limit_pauses_the_page_and_sends_later(desk: Desk, kind: str) -> None:
    desk.sandbox.fault("facebook", kind)

    outcome = desk.send(desk.job())

    assert isinstance(outcome, Retry)
    assert outcome.code == "rate_limited"
    assert outcome.pause_page_seconds == outcome.after_seconds
    assert desk.sandbox.messages() == []
    assert isinstance(desk.send(desk.job()), Advance)


def test_the_minutes_in_the_usage_header_are_kept(desk: Desk) -> None:
    desk.sandbox.fault("facebook", "business-rate-limit")

    outcome = desk.send(desk.job())

    assert isinstance(outcome, Retry)
    assert outcome.after_seconds >= 120


def test_a_thread_held_by_another_app_is_postponed_without_pausing_the_page(desk: Desk) -> None:
    desk.sandbox.fault("facebook", "thread-taken")

    outcome = desk.send(desk.job())

    assert isinstance(outcome, Retry)
    assert outcome.after_seconds >= 1800
    assert outcome.pause_page_seconds == 0


@pytest.mark.parametrize(
    ("kind", "code", "page_status"),
    [
        ("token-expired", "token_expired", "token_invalid"),
        ("token-invalid", "token_invalid", "token_invalid"),
        ("permission", "permission_missing", "token_invalid"),
        ("page-restricted", "page_restricted", "restricted"),
        ("policy-block", "page_restricted", "restricted"),
        ("commerce-disabled", "page_restricted", "restricted"),
    ],
)
def test_what_is_wrong_with_the_page_stops_the_page_and_costs_the_contact_nothing(
    desk: Desk, kind: str, code: str, page_status: str
) -> None:
    desk.sandbox.fault("facebook", kind)

    outcome = desk.send(desk.job(attempt=7))

    assert isinstance(outcome, Retry)
    assert (outcome.code, outcome.page_status, outcome.counts) == (code, page_status, False)
    assert re.search(r"\(Facebook error \d+(/\d+)?\)$", outcome.message)
    assert outcome.hint
    assert desk.sandbox.messages() == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("unavailable", "contact_unavailable"),
        ("no-matching-user", "no_such_contact"),
    ],
)
def test_a_refusal_fails_the_contact_and_says_what_to_do(desk: Desk, kind: str, code: str) -> None:
    desk.sandbox.fault("facebook", kind)

    outcome = desk.send(desk.job())

    assert isinstance(outcome, Fail)
    assert (outcome.code, outcome.page_status, outcome.unknown) == (code, "", False)
    assert re.search(r"\(Facebook error \d+(/\d+)?\)$", outcome.message)
    assert outcome.hint
    assert desk.sandbox.messages() == []


@pytest.mark.parametrize("kind", ["usage-high", "rate-limit"])
def test_how_much_of_the_limits_is_used_is_passed_on(desk: Desk, kind: str) -> None:
    desk.sandbox.fault("facebook", kind)

    outcome = desk.send(desk.job())

    if isinstance(outcome, Advance):
        assert outcome.fields["usage_percent"] == 96
        assert outcome.fields["regain_seconds"] == 600
    else:
        assert isinstance(outcome, Retry)
        assert outcome.usage_percent == 100


@pytest.mark.parametrize(
    ("ending", "code", "arrived"),
    [
        ("551", "contact_unavailable", 0),
        ("99999190", "token_expired", 0),
        ("002", "outcome_unknown", 1),
    ],
)
def test_recipients_with_these_endings_always_go_wrong(
    desk: Desk, ending: str, code: str, arrived: int
) -> None:
    outcome = desk.send(desk.job(sender_id=f"77000000{ending}"))

    assert isinstance(outcome, Fail | Retry)
    assert outcome.code == code
    assert len(desk.sandbox.messages()) == arrived


def test_a_recipient_ending_in_613_is_limited_once(desk: Desk) -> None:
    job = desk.job(sender_id="7700000000000613")

    assert [type(desk.send(job)) for _ in range(2)] == [Retry, Advance]


@pytest.mark.parametrize("left", [timedelta(0), timedelta(seconds=-1), None])
def test_a_message_whose_window_closed_since_it_was_claimed_is_not_handed_over(
    desk: Desk, left: timedelta | None
) -> None:
    now = datetime.now(UTC)
    job = desk.job(window_closes_at=None if left is None else now + left)

    outcome = desk.send(job, now)

    assert isinstance(outcome, Retry)
    assert not outcome.counts
    assert desk.sandbox.messages() == []


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1991])
def test_what_messenger_would_not_take_is_not_handed_over(desk: Desk, text: str) -> None:
    outcome = desk.send(desk.job(message=text))

    assert isinstance(outcome, Fail)
    assert not outcome.unknown
    assert desk.sandbox.messages() == []


@pytest.mark.parametrize("sealed", ["", "not a token", "gAAAAAB"])
def test_a_token_sealed_with_another_key_stops_the_page(desk: Desk, sealed: str) -> None:
    outcome = desk.send(desk.job(encrypted_token=sealed))

    assert isinstance(outcome, Retry)
    assert (outcome.code, outcome.page_status) == ("token_unreadable", "token_invalid")
    assert "TOKEN_ENCRYPTION_KEY" in outcome.hint


@pytest.mark.parametrize("token", ["line\nbreak", "zwölf", "\x00"])
def test_a_token_that_cannot_stand_in_a_header_is_not_used(desk: Desk, token: str) -> None:
    outcome = desk.send(desk.job(encrypted_token=desk.vault.seal(token)))

    assert isinstance(outcome, Retry)
    assert outcome.code == "token_unreadable"
    assert token not in str(outcome)


def test_a_strange_page_id_stays_inside_its_path_segment(desk: Desk) -> None:
    desk.send(desk.job(facebook_page_id="1/../faults?x=1"))

    assert desk.sandbox.messages() == []


@pytest.mark.parametrize("kind", ["token-expired", "reset-after-accept", "bad-gateway"])
def test_no_secret_is_logged_or_told(
    desk: Desk, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level("INFO")
    settings = replace(desk.settings, facebook_app_secret="app secret")
    proof = hmac.new(b"app secret", TOKEN.encode(), hashlib.sha256).hexdigest()
    desk.sandbox.fault("facebook", kind)

    outcome = replace(desk, settings=settings).send(desk.job())

    told = caplog.text + str(outcome) + repr(settings) + repr(desk.job())
    assert not [secret for secret in (TOKEN, proof, "app secret") if secret in told]


def test_every_call_carries_the_proof_when_the_app_has_a_secret() -> None:
    with serve_sandbox(SandboxConfig(app_secret="app secret")) as sandbox:
        settings = Settings(facebook_graph_url=sandbox.graph_url, facebook_app_secret="app secret")
        desk = Desk(sandbox, settings)
        without = replace(desk, settings=replace(settings, facebook_app_secret=""))
        outcomes = [desk.send(desk.job()), desk.settle(desk.job()), without.send(without.job())]

    assert [type(outcome) for outcome in outcomes] == [Advance, Advance, Fail]
