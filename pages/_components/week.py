"""This file is where active days and hours become a picture of the week."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pages._components.words import DAYS, hours

DAY_MINUTES = 1440
Span = tuple[int, int]


def spans(days: list[int], start: str, end: str, *, always: bool) -> list[list[Span]]:
    """Monday to Sunday: when it is active, in minutes of that day.

    A span that ends before it begins, or at the same minute, goes on into the next day.
    """
    if always:
        return [[(0, DAY_MINUTES)]] * 7
    opens, closes = minute_of(start), minute_of(end)
    week: list[list[Span]] = [[] for _ in range(7)]
    for day in days:
        if opens < closes:
            week[day - 1].append((opens, closes))
            continue
        week[day - 1].append((opens, DAY_MINUTES))
        if closes:
            week[day % 7].insert(0, (0, closes))
    return week


def minute_of(clock: str) -> int:
    """09:30:00 is 570."""
    hour, minute = clock.split(":")[:2]
    return int(hour) * 60 + int(minute)


def week(settings: dict[str, Any], now: datetime) -> Component:
    """Seven lines of a day each, and where we are now in the automation's zone."""
    here = now.astimezone(ZoneInfo(settings["time_zone"]))
    active = spans(
        settings["active_days"],
        settings["active_from"],
        settings["active_until"],
        always=settings["run_24_7"],
    )
    today = here.isoweekday()
    lines = [
        _line(name, active[day - 1], _minutes(here) if day == today else None)
        for day, name in enumerate(DAYS, 1)
    ]
    clock = f"It is {DAYS[today - 1]} {here:%H:%M} in {settings['time_zone']}."
    return html.Figure(
        [
            html.Div([*lines, _axis()], className="week", **attrs({"aria-hidden": "true"})),
            html.Figcaption(f"{told(settings)}. {clock}", className="mute"),
        ],
        className="week-figure",
    )


def told(settings: dict[str, Any]) -> str:
    """The picture in words, for those who do not see it."""
    over_night = not settings["run_24_7"] and minute_of(settings["active_from"]) >= minute_of(
        settings["active_until"]
    )
    return hours(settings) + (" (until the next day)" if over_night else "")


def _line(name: str, active: list[Span], now: int | None) -> Component:
    bars: list[Component] = [
        html.I(style={"left": _share(start), "width": _share(end - start)}) for start, end in active
    ]
    if now is not None:
        bars.append(html.B(style={"left": _share(now)}))
    return html.Div([html.Span(name), html.Div(bars, className="week-day")], className="week-line")


def _axis() -> Component:
    marks = [html.Span(f"{hour:02}") for hour in (0, 6, 12, 18, 24)]
    return html.Div([html.Span(""), html.Div(marks, className="week-hours")], className="week-line")


def _minutes(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _share(minutes: int) -> str:
    return f"{100 * minutes / DAY_MINUTES:.2f}%"
