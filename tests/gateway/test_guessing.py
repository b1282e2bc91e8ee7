"""This file is where guessing passwords is slowed down, however it is tried."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from supabase_auth.errors import AuthApiError

from tests.gateway.conftest import Person, Served
from tests.gateway.test_sign_in import code_of, sign_in


def test_guessing_a_password_is_slowed_down_for_that_address_only(
    gateway: Served, email: str, ada: Person
) -> None:
    for _ in range(gateway.config.rate_limit):
        with pytest.raises(AuthApiError):
            sign_in(gateway, email, "guess")

    with pytest.raises(AuthApiError) as refused:
        sign_in(gateway, email)
    assert code_of(refused) == (429, "over_request_rate_limit")
    assert sign_in(gateway, ada.email).session


def test_guessing_many_passwords_at_once_is_no_way_around(gateway: Served, email: str) -> None:
    guesses = [{"email": email, "password": f"guess {number}"} for number in range(20)]

    with ThreadPoolExecutor(len(guesses)) as guessing:
        path = "/auth/v1/token?grant_type=password"
        answers = guessing.map(lambda guess: gateway.raw("POST", path, json=guess), guesses)
        statuses = [answer.status_code for answer in answers]

    assert statuses.count(400) == gateway.config.rate_limit
    assert statuses.count(429) == len(guesses) - gateway.config.rate_limit


def test_signing_in_often_is_not_guessing(gateway: Served, email: str) -> None:
    for _ in range(gateway.config.rate_limit + 2):
        assert sign_in(gateway, email).session
