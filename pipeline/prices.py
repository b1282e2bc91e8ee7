"""This file is where tokens become dollars: Google's prices as read on 2026-10-07.

Source: Google's price page, copied in github.com/api-evangelist/deepmind,
plans/deepmind-plans-pricing.yml. GOOGLE_PRICES adds models or replaces a line.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

# Dollars for a million tokens in, and out; thinking is paid as out. The form offers these models,
# the default first: none that Google has switched off, routes elsewhere or keeps for old accounts.
PRICES: dict[str, tuple[Decimal, Decimal]] = {
    "gemini-3.5-flash-lite": (Decimal("0.30"), Decimal("2.50")),
    # 0.75 and 3.75 until 2026-12-31; the later price is the safe one to plan with.
    "gemini-3.8-flash": (Decimal("1.50"), Decimal("7.50")),
    "gemini-3.6-flash": (Decimal("1.50"), Decimal("7.50")),
    "gemini-3.5-flash": (Decimal("1.50"), Decimal("9.00")),
}
A_MILLION = Decimal(1_000_000)
# Sixteen such answers, for one message, still fit into the column.
MOST_FOR_ONE = Decimal(60_000)


def parse_prices(text: str) -> dict[str, tuple[Decimal, Decimal]]:
    """`model=in/out, ...` in dollars for a million tokens. Raises ValueError."""
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        model, _, prices = part.partition("=")
        into, _, out = prices.partition("/")
        try:
            found[model.strip()] = (Decimal(into.strip()), Decimal(out.strip()))
        except InvalidOperation:
            raise ValueError(part) from None
        if not all(price.is_finite() and price >= 0 for price in found[model.strip()]):
            raise ValueError(part)
    return found


def cost_of(
    model: str,
    tokens_in: int,
    tokens_out: int,
    own: Mapping[str, tuple[Decimal, Decimal]] | None = None,
) -> Decimal | None:
    """What a call cost, in dollars; None for a model whose price nobody wrote down."""
    price = (own or {}).get(model) or PRICES.get(model)
    if price is None:
        return None
    cost = (tokens_in * price[0] + tokens_out * price[1]) / A_MILLION
    return min(cost, MOST_FOR_ONE).quantize(Decimal("1e-6"))
