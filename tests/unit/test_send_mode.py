"""This file is where it is shown which workers may not start, and which may not send."""

import asyncio
from dataclasses import replace

import pytest

from pipeline.send_gate import BEHIND, NO_RECEIVER, SendGate
from pipeline.settings import Settings, SettingsError

LIVE = Settings(
    send_mode="live",
    google_api_key="key",
    token_encryption_key="key",
    facebook_app_secret="secret",
)


class Receivers:
    """Stands in for the store: how many receivers are alive, and what the worker said."""

    def __init__(self, *alive: int) -> None:
        self._alive = list(alive)
        self.behind = 0.0
        self.said: list[str] = []

    async def hearing(self) -> tuple[int, float]:
        return self._alive.pop(0), self.behind

    async def hold_sending(self, why: str) -> None:
        self.said.append(why)


def test_live_mode_opens_with_everything_it_needs() -> None:
    LIVE.check_send_mode()


@pytest.mark.parametrize("name", ["google_api_key", "token_encryption_key", "facebook_app_secret"])
def test_what_live_mode_lacks_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        replace(LIVE, **{name: ""}).check_send_mode()  # type: ignore[arg-type]


def test_a_live_worker_sends_only_while_a_receiver_is_heard_of_and_says_so() -> None:
    receivers, times = Receivers(0, 0, 1, 0), iter([0, 0, 5, 5, 10, 10, 12, 15, 15])
    gate = SendGate(receivers, lambda: next(times))  # type: ignore[arg-type]

    async def asked() -> list[bool]:
        return [await gate.open() for _ in range(5)]

    assert asyncio.run(asked()) == [False, False, True, True, False]
    assert receivers.said == [NO_RECEIVER, "", NO_RECEIVER]


def test_a_worker_sends_nothing_while_what_was_heard_is_not_worked_on() -> None:
    receivers, times = Receivers(1, 1), iter([0, 0, 5, 5])
    gate = SendGate(receivers, lambda: next(times))  # type: ignore[arg-type]

    receivers.behind = 61.0
    assert asyncio.run(gate.open()) is False
    receivers.behind = 1.0
    assert asyncio.run(gate.open()) is True
    assert receivers.said == [BEHIND, ""]


def test_an_answer_that_does_not_come_is_no_yes() -> None:
    receivers, times = Receivers(1), iter([0, 0, 5, 6])
    gate = SendGate(receivers, lambda: next(times))  # type: ignore[arg-type]

    assert asyncio.run(gate.open()) is True
    for _ in range(2):
        with pytest.raises(IndexError):
            asyncio.run(gate.open())


def test_the_sandbox_is_on_this_machine() -> None:
    elsewhere = Settings(
        facebook_graph_url="https://graph.facebook.com",
        google_base_url="http://127.0.0.1:9",
        token_encryption_key="key",
    )

    with pytest.raises(SettingsError, match="FACEBOOK_GRAPH_URL points at"):
        elsewhere.check_send_mode()
