"""This file is where tokens are shown to cost what the price list says."""

from decimal import Decimal

import pytest

from pipeline.prices import PRICES, cost_of, parse_prices
from pipeline.settings import Settings, SettingsError, read_settings


def test_a_message_costs_what_google_asks() -> None:
    assert cost_of("gemini-3.5-flash-lite", 1000, 300) == Decimal("0.001050")


def test_a_price_nobody_wrote_down_is_not_invented() -> None:
    assert cost_of("gemini-9-ultra", 1000, 300) is None


def test_the_default_model_has_a_price() -> None:
    assert cost_of(Settings().google_model, 1, 1) is not None


def test_no_model_is_offered_that_google_has_switched_off_or_will_this_year() -> None:
    gone = ("gemini-1.", "gemini-2.")

    assert not [model for model in PRICES if model.startswith(gone)]
    assert next(iter(PRICES)) == Settings().google_model


def test_own_prices_come_first() -> None:
    own = parse_prices("gemini-3.5-flash-lite=1/2, gemini-9-ultra=3/4.5")

    assert cost_of("gemini-3.5-flash-lite", 1_000_000, 1_000_000, own) == Decimal(3)
    assert cost_of("gemini-9-ultra", 0, 1_000_000, own) == Decimal("4.5")


def test_no_cost_is_more_than_can_be_recorded() -> None:
    own = parse_prices("gemini-9-ultra=1e30/1e30")

    assert cost_of("gemini-9-ultra", 10_000_000, 1, own) == Decimal(60_000)


@pytest.mark.parametrize(
    "text",
    ["gemini", "gemini=1", "gemini=a/b", "=/", "gemini=NaN/1", "gemini=1/Infinity", "gemini=-1/2"],
)
def test_prices_that_cannot_be_read_are_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="GOOGLE_PRICES"):
        read_settings({"GOOGLE_PRICES": text})
