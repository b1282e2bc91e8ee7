"""This file is where the AI's time, tokens and cost are shown."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components import charts
from pages._components.analytics_parts import drawing, numbers, panel, table, took
from pages._components.figures import Figures
from pages._components.words import count

COLOURS = ("--generating", "--checking", "--ready_to_send", "--eligible", "--skipped")
UNKNOWN = "price unknown"
WHAT_COUNTS = (
    "Messages that were handed to Facebook; drafts that were never sent and test messages are not "
    "among them."
)
HEADS = ("Automation", "Model", "Messages", "Tokens in", "Tokens out", "Cost")


def _nothing(name: str, wide: bool) -> tuple[Component, dict[str, Any]]:
    words = html.P("No message of the AI was handed to Facebook.", className="none")
    finding = "The AI wrote nothing that was sent."
    return panel(name, finding, WHAT_COUNTS, [words], wide), {}


def dollars(millionths: int) -> str:
    """$0.42; small sums with as many digits as they need."""
    amount = Decimal(millionths) / 1_000_000
    if amount and amount < Decimal("0.01"):
        return f"${amount:.4f}"
    return f"${amount:,.2f}"


def model_name(key: str) -> str:
    """What to call a model; one that did not say its name has none."""
    return key or "Model not noted"


def ai_time(figures: Figures) -> tuple[Component, dict[str, Any]]:
    """How long the AI took, per model."""
    models = [key for key in figures.paced("ai_time") if figures.pace("ai_time", key)]
    if not models:
        return _nothing("ai-time", wide=False)
    found = {model: figures.pace("ai_time", model) for model in models[: len(COLOURS)]}
    most = figures.pace("ai_time", models[0])
    finding = "The time the AI took is not known."
    together = figures.span.paced_together
    if most:
        by = f" by {model_name(models[0])}" if len(models) > 1 else ""
        finding = (
            f"Half of the messages were written{by} within {took(most.p50)}, "
            f"95 % within {took(most.p95)}."
        )
    rows = [
        (model_name(model), f"{pace.passed:,}", took(pace.p50), took(pace.p95))
        for model in models
        if (pace := figures.pace("ai_time", model))
    ]
    return panel(
        "ai-time",
        finding,
        "All drafts of a message together. Solid: half of the messages. Dotted: 95 of a hundred."
        + (f" Lines are of {together} days together." if together > 1 else ""),
        [
            drawing("ai-time", finding),
            numbers("ai-time", "AI time", ("Model", "Messages", "Half", "95 %"), rows),
        ],
    ), {"ai-time": _lines(figures, list(found))}


def _lines(figures: Figures, models: Sequence[str]) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for place, model in enumerate(models):
        name = model_name(model) if len(models) > 1 else ""
        one = charts.lines(figures.span, COLOURS[place], figures.paces("ai_time", model), name)
        if not drawn:
            drawn = one
            continue
        drawn["data"] += one["data"]
        slower = max(drawn["layout"]["yaxis"], one["layout"]["yaxis"], key=_top)
        drawn["layout"]["yaxis"] = slower
    return drawn


def _top(axis: Mapping[str, Any]) -> float:
    return float(axis["range"][1])


def cost(figures: Figures, names: Mapping[str, str]) -> tuple[Component, dict[str, Any]]:
    """What the AI used and what that cost, over time, per automation and per model."""
    if not figures.total("messages"):
        return _nothing("cost", wide=True)
    span, messages, unpriced = figures.span, figures.total("messages"), figures.total("unpriced")
    priced, paid = messages - unpriced, figures.total("cost")
    if priced:
        each = dollars(round(paid / priced))
        finding = f"{dollars(paid)} for {count(priced, 'message')}: {each} each."
    else:
        finding = f"What {count(messages, 'message')} cost is not known."
    models = figures.keys("cost")[: len(COLOURS)]
    series = {
        model_name(model): (
            COLOURS[place],
            [millionths / 1_000_000 for millionths in figures.series("cost", model)],
        )
        for place, model in enumerate(models)
    }
    body: list[Component] = [table("cost", "Tokens and cost", HEADS, usage(figures, names))]
    if series:
        body.insert(0, drawing("cost", finding))
    if unpriced:
        body.append(_how_to_price(figures))
    drawn = {"cost": charts.bars(span, series, "$")} if series else {}
    return panel("cost", finding, WHAT_COUNTS, body, wide=True), drawn


def usage(figures: Figures, names: Mapping[str, str]) -> list[tuple[str, ...]]:
    """A row per automation and model, the dearest first, then the sum if there are several."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in figures.sums:
        found.setdefault((row["rule_id"], row["key"]), {})[row["kind"]] = row["total"]
    together = {
        kind: figures.total(kind)
        for kind in ("messages", "tokens_in", "tokens_out", "cost", "unpriced")
    }
    gone = {
        kind: total - sum(one.get(kind, 0) for one in found.values())
        for kind, total in together.items()
    }
    lines = sorted(found.items(), key=lambda line: -line[1].get("cost", 0))
    rows = [
        (names.get(rule_id, "Deleted automation"), model_name(model), *_amounts(one))
        for (rule_id, model), one in lines
    ]
    if gone["messages"] > 0:
        rows.append(("Deleted automations", "", *_amounts(gone)))
    if len(rows) > 1:
        rows.append(("All together", "", *_amounts(together)))
    return rows


def _amounts(one: Mapping[str, int]) -> tuple[str, ...]:
    unpriced, messages = one.get("unpriced", 0), one.get("messages", 0)
    price = dollars(one.get("cost", 0))
    if unpriced >= messages > 0:
        price = UNKNOWN
    elif unpriced:
        price += f" and {unpriced:,} × {UNKNOWN}"
    counts = (one.get(kind, 0) for kind in ("messages", "tokens_in", "tokens_out"))
    return (*(f"{many:,}" for many in counts), price)


def _how_to_price(figures: Figures) -> Component:
    models = ", ".join(map(model_name, figures.keys("unpriced")))
    return html.P(
        f"Price unknown: {models}. Write it into GOOGLE_PRICES of the worker; messages written "
        "after that are counted with it.",
        className="mute figure-note",
    )
