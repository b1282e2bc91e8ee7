"""This file is where a range becomes days and hours of the reader's time zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pages._components.words import DAYS

RANGES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
USUAL = "7d"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Every so many bins one has a word below it.
TICKS = {"24h": 4, "7d": 4, "30d": 5, "90d": 15}
# A percentile is of many rows: in a long span it is told of so many bins together.
PACED_TOGETHER = {"24h": 1, "7d": 1, "30d": 3, "90d": 7}
LENGTHS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}


@dataclass(frozen=True, slots=True)
class Span:
    """Bins between neighbours of `edges`, each with a name; `before` is as much of the past."""

    range: str
    zone: str
    edges: tuple[datetime, ...]
    before: tuple[datetime, datetime]
    names: tuple[str, ...]
    ticks: tuple[str, ...]

    @property
    def words(self) -> str:
        """24 hours, 7 days."""
        return RANGES[self.range]

    @property
    def paced_together(self) -> int:
        """Of how many bins a pace is."""
        return PACED_TOGETHER[self.range]

    @property
    def pace_edges(self) -> tuple[datetime, ...]:
        """What lies between two of them has one pace."""
        return (*self.edges[: -1 : self.paced_together], self.edges[-1])

    @property
    def first_day(self) -> str:
        """The reader's day on which it begins, as 2026-11-17."""
        return self.edges[0].astimezone(ZoneInfo(self.zone)).date().isoformat()

    @property
    def last_day(self) -> str:
        """The reader's day on which it ends."""
        last = self.edges[-1] - timedelta(seconds=1)
        return last.astimezone(ZoneInfo(self.zone)).date().isoformat()


def cut(name: str, zone: str, now: datetime) -> Span:
    """The range up to the end of this hour or day. Raises ValueError for a zone nobody knows."""
    place = zone_of(zone)
    local = now.astimezone(place)
    if name == "24h":
        return _hours(zone, place, local)
    days, parts = LENGTHS[name], 4 if name == "7d" else 1
    today = datetime(local.year, local.month, local.day)  # noqa: DTZ001 - a day of the wall
    first = today - timedelta(days=days - 1)
    walls = [
        first + timedelta(days=day, hours=24 // parts * part)
        for day in range(days)
        for part in range(parts)
    ]
    edges = tuple(_moment(wall, place) for wall in [*walls, today + timedelta(days=1)])
    back = timedelta(days=days)
    before = (
        _moment(first - back, place),
        _quarter(_moment(local.replace(tzinfo=None) - back, place)),
    )
    name_of = _part_of_day if parts > 1 else day_name
    ticks = _ticks(walls, TICKS[name], lambda wall: f"{wall.day} {MONTHS[wall.month - 1]}")
    return Span(name, zone, edges, before, tuple(map(name_of, walls)), ticks)


def zone_of(name: str) -> ZoneInfo:
    """Raises ValueError for what is no time zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(name) from error


def day_name(wall: datetime) -> str:
    """Tue 17 Nov."""
    return f"{DAYS[wall.weekday()]} {wall.day} {MONTHS[wall.month - 1]}"


def _hours(zone: str, place: ZoneInfo, local: datetime) -> Span:
    begun = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    edges = tuple(begun + timedelta(hours=hour) for hour in range(-23, 2))
    walls = [edge.astimezone(place) for edge in edges[:-1]]
    names = tuple(f"{day_name(wall)}, {wall:%H:%M}" for wall in walls)
    day = timedelta(days=1)
    before = (edges[0] - day, _quarter(local.astimezone(UTC) - day))
    return Span(
        "24h", zone, edges, before, names, _ticks(walls, TICKS["24h"], lambda wall: f"{wall:%H:%M}")
    )


def _ticks(walls: list[datetime], every: int, word: Callable[[datetime], str]) -> tuple[str, ...]:
    return tuple("" if place % every else word(wall) for place, wall in enumerate(walls))


def _part_of_day(wall: datetime) -> str:
    return f"{day_name(wall)}, {wall:%H:%M} to {wall + timedelta(hours=6):%H:%M}"


def _moment(wall: datetime, place: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=place).astimezone(UTC)


def _quarter(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
