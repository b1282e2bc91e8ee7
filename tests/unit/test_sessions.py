"""This file is where sessions are kept, shared, sealed and ended."""

import asyncio
import time
from dataclasses import replace

import pytest

from api.attempts import WINDOW_SECONDS, Attempts
from api.sessions import Sessions
from app import check_settings
from pipeline.clients import Tokens
from pipeline.settings import Settings, SettingsError


def tokens(lasts_seconds: float = 3600, name: str = "first") -> Tokens:
    return Tokens(
        "ann@example.com", f"{name}-access", f"{name}-refresh", time.time() + lasts_seconds
    )


@pytest.fixture
def open_sessions(tmp_path):
    """Opens the session file in this test's home; closes what was opened."""
    opened = []

    def opens(secret: str = "one") -> Sessions:  # noqa: S107
        opened.append(Sessions(tmp_path, secret))
        return opened[-1]

    yield opens
    for sessions in opened:
        sessions.close()


def test_a_session_survives_a_restart_of_the_dashboard(open_sessions):
    session_id = open_sessions().start(tokens())

    assert open_sessions().find(session_id).access_token == "first-access"


def test_neither_the_id_nor_the_tokens_stand_in_the_file_and_only_we_may_read_it(
    open_sessions, tmp_path
):
    session_id = open_sessions().start(tokens())

    content = b"".join(path.read_bytes() for path in tmp_path.glob("sessions.db*"))
    assert session_id.encode() not in content
    assert b"first-access" not in content
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("sessions.db*")} == {"0o600"}


def test_another_secret_opens_nothing(open_sessions):
    session_id = open_sessions().start(tokens())

    assert open_sessions("another").find(session_id) is None


def test_an_ended_session_is_gone(open_sessions):
    sessions = open_sessions()
    session_id = sessions.start(tokens())
    sessions.end(session_id)

    assert sessions.find(session_id) is None
    assert sessions.find("") is None


def test_parallel_requests_share_one_renewal(open_sessions):
    sessions = open_sessions()
    session_id = sessions.start(tokens(lasts_seconds=5))
    renewals = []

    async def renew(old: Tokens) -> Tokens:
        renewals.append(old.refresh_token)
        await asyncio.sleep(0)
        return tokens(name="second")

    async def six_requests() -> list[Tokens | None]:
        return await asyncio.gather(*(sessions.fresh(session_id, renew) for _ in range(6)))

    found = asyncio.run(six_requests())

    assert renewals == ["first-refresh"]
    assert {session.access_token for session in found if session} == {"second-access"}


def test_a_refused_renewal_ends_the_session(open_sessions):
    sessions = open_sessions()
    session_id = sessions.start(tokens(lasts_seconds=5))

    async def refused(_: Tokens) -> None:
        return None

    assert asyncio.run(sessions.fresh(session_id, refused)) is None
    assert sessions.find(session_id) is None


def test_guessing_is_slowed_for_a_while():
    attempts = Attempts(allowed=3)
    for second in range(3):
        assert attempts.wait_seconds("ann", second) == 0
        attempts.count("ann", second)

    assert attempts.wait_seconds("ann", 3) == WINDOW_SECONDS - 3 + 1
    assert attempts.wait_seconds("bob", 3) == 0
    assert attempts.wait_seconds("ann", WINDOW_SECONDS) == 0
    attempts.worked("ann")
    assert attempts.wait_seconds("ann", 3) == 0


def test_a_try_that_was_no_wrong_password_is_taken_back():
    attempts = Attempts(allowed=2)
    for second in (1, 2):
        attempts.count("ann", second)

    attempts.take_back("ann", 1)

    assert attempts.wait_seconds("ann", 3) == 0
    attempts.count("ann", 3)
    assert attempts.wait_seconds("ann", 3) > 0
    attempts.take_back("nobody", 1)


def test_a_session_secret_that_could_be_guessed_is_refused():
    settings = Settings("http://127.0.0.1:1", "sb_publishable_x", session_secret="s" * 31)

    with pytest.raises(SettingsError, match=r"SESSION_SECRET has 31 .*secrets\.token_urlsafe"):
        check_settings(settings)

    check_settings(replace(settings, session_secret="s" * 32))
