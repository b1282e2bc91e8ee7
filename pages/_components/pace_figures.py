"""This file is where it is shown how long contacts stay in each stage of the flight."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components import charts
from pages._components.analytics_parts import drawing, numbers, panel, took
from pages._components.figures import Figures, Pace
from pipeline.stages import IN_FLIGHT, LOOKS, Stage


def paces(figures: Figures) -> tuple[Component, dict[str, Any]]:
    """How long contacts stay in each stage of the flight: the half, and 95 of a hundred."""
    span = figures.span
    found = {stage: figures.pace("stayed", stage) for stage in IN_FLIGHT}
    known = {stage: pace for stage, pace in found.items() if pace}
    about = (
        "Solid: half of the contacts left the stage within this time. Dotted: 95 of a hundred did."
    )
    if span.paced_together > 1:
        about += f" Lines are of {span.paced_together} days together."
    if not known:
        words = html.P("No contact passed through a stage.", className="none")
        return panel("paces", "Nothing moved.", about, [words], wide=True), {}
    slowest = max(known, key=lambda stage: known[stage].p95)
    pace = known[slowest]
    finding = (
        f"{LOOKS[slowest].word} takes longest: half within {took(pace.p50)}, "
        f"95 % within {took(pace.p95)}."
    )
    small = [_small(stage, pace) for stage, pace in known.items()]
    rows = [
        (LOOKS[stage].word, f"{pace.passed:,}", took(pace.p50), took(pace.p95))
        for stage, pace in known.items()
    ]
    return panel(
        "paces",
        finding,
        about,
        [
            html.Div(small, className="small-charts"),
            numbers("paces", "Time in each stage", ("Stage", "Passed", "Half", "95 %"), rows),
        ],
        wide=True,
    ), {
        f"pace-{stage}": charts.lines(span, f"--{stage}", figures.paces("stayed", stage))
        for stage in known
    }


def _small(stage: Stage, pace: Pace) -> Component:
    words = f"half {took(pace.p50)}, 95 % {took(pace.p95)}"
    return html.Div(
        [
            html.H3([LOOKS[stage].word, html.Span(words, className="mute")]),
            drawing(f"pace-{stage}", f"{LOOKS[stage].word}, {words}.", "small"),
        ],
        className=f"small-chart st-{stage}",
    )
