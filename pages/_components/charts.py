"""This file is where figures become charts: what Plotly draws, in the names of our colours.

A colour is the name of a style variable; assets/lazy/analytics.js looks it up, for light and dark.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pages._components.analytics_parts import percent, took
from pages._components.figures import Pace
from pages._components.span import Span
from pages._components.words import duration

Chart = dict[str, Any]
ROUND_SECONDS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400),
    *(21600, 43200, 86400, 172800, 432000, 864000),
)
ROOM = {"l": 8, "r": 8, "t": 8, "b": 8}


def bars(span: Span, series: Mapping[str, tuple[str, Sequence[float]]], unit: str = "") -> Chart:
    """Stacked bars over time; `series` says for each name its colour and its bins."""
    data = [
        {
            "type": "bar",
            "name": name,
            "x": list(range(len(values))),
            "y": list(values),
            "customdata": list(span.names),
            "marker": {"color": colour},
            "hovertemplate": f"{name}: {unit}%{{y:,}}<extra></extra>",
        }
        for name, (colour, values) in series.items()
    ]
    layout = _layout(span)
    layout |= {"barmode": "stack", "bargap": 0.25, "showlegend": len(data) > 1}
    layout["legend"] = {"traceorder": "normal"}
    layout["yaxis"] |= {"rangemode": "tozero", "tickprefix": unit, "separatethousands": True}
    return {"data": data, "layout": layout, "names": list(span.names)}


def lines(span: Span, colour: str, paces: Sequence[Pace | None], name: str = "") -> Chart:
    """Half and 95 of a hundred over time; where nothing passed there is a gap."""
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"{name} {word}".strip(),
            "x": list(range(len(paces))),
            "y": [getattr(pace, which) if pace else None for pace in paces],
            "text": [took(getattr(pace, which)) if pace else "" for pace in paces],
            "line": {"color": colour, "width": 2, "dash": dash},
            "marker": {"size": 4, "color": colour},
            "hovertemplate": f"{word} within %{{text}}<extra></extra>",
        }
        for which, word, dash in (("p95", "95 %", "dot"), ("p50", "half", "solid"))
    ]
    most = max((pace.p95 for pace in paces if pace), default=1.0)
    places = _round_durations(most)
    layout = _layout(span)
    layout |= {"showlegend": bool(name)}
    layout["yaxis"] |= {
        "range": [0, max(most, places[-1]) * 1.08],
        "tickvals": places,
        "ticktext": [duration(place) for place in places],
    }
    return {"data": data, "layout": layout, "names": list(span.names)}


def steps(words: Sequence[str], values: Sequence[int], colours: Sequence[str]) -> Chart:
    """One bar per step, the first on top."""
    first = max(values[0], 1)
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": list(values),
                "y": list(words),
                "text": [f"{value:,} · {percent(value, first)}" for value in values],
                "textposition": "auto",
                "insidetextfont": {"color": "--card"},
                "cliponaxis": False,
                "marker": {"color": list(colours)},
                "hovertemplate": "%{y}: %{x:,}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {**ROOM, "r": 24},
            "bargap": 0.3,
            "showlegend": False,
            "xaxis": {"visible": False, "fixedrange": True, "rangemode": "tozero"},
            "yaxis": {"autorange": "reversed", "fixedrange": True, "automargin": True},
        },
        "names": [],
    }


def shares(words: Sequence[str], rates: Sequence[float], notes: Sequence[str]) -> Chart:
    """One bar per follow-up, in percent."""
    return {
        "data": [
            {
                "type": "bar",
                "x": list(words),
                "y": [round(rate * 100, 1) for rate in rates],
                "text": list(notes),
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": "--accent"},
                "hovertemplate": "%{x}: %{text}<extra></extra>",
            }
        ],
        "layout": {
            "margin": {**ROOM, "t": 24},
            "bargap": 0.5,
            "showlegend": False,
            "xaxis": {"fixedrange": True, "automargin": True},
            "yaxis": {
                "fixedrange": True,
                "automargin": True,
                "ticksuffix": " %",
                "rangemode": "tozero",
                "range": [0, max(max(rates, default=0) * 118, 5)],
            },
        },
        "names": [],
    }


def _layout(span: Span) -> Chart:
    marked = [place for place, word in enumerate(span.ticks) if word]
    return {
        "margin": dict(ROOM),
        "hovermode": "x unified",
        "xaxis": {
            "fixedrange": True,
            "automargin": True,
            "tickvals": marked,
            "ticktext": [span.ticks[place] for place in marked],
            "range": [-0.6, len(span.names) - 0.4],
        },
        "yaxis": {"fixedrange": True, "automargin": True, "nticks": 5},
    }


def _round_durations(most: float) -> list[float]:
    """Up to five moments a person would name, the last at least half of the longest."""
    step = next((step for step in ROUND_SECONDS if most / step <= 4), ROUND_SECONDS[-1])
    return [step * n for n in range(max(int(most // step), 1) + 1)]
