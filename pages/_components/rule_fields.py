"""This file is where what was typed into the form becomes settings, or a sentence at the field.

The limits are the database's (CHECKs of ai_automation_rules); a test compares them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import available_timezones

Values = dict[str, Any]

NAME_MOST = 120
TAGS_MOST = 50
TAG_MOST = 100
WAIT_MINUTES = (0, 43_200)
FOLLOW_UPS = (1, 10)
DAILY_LIMIT = (0, 100_000)
PROMPT_MOST = 8000
RUN_EVERY_MINUTES = (1, 10_080)
RUN_AT_MOST = 24
WORD_MOST = 100

UNITS = {"minutes": 1, "hours": 60, "days": 1440}
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(:[0-5]\d)?")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Which field a person has to look at when the database refuses.
FIELD_OF = {
    "ai_automation_rules_name_fits": "name",
    "ai_automation_rules_page_fkey": "page_id",
    "ai_automation_rules_tags_are_few": "include_tags",
    "ai_automation_rules_wait_is_possible": "wait",
    "ai_automation_rules_follow_ups_are_few": "max_follow_ups",
    "ai_automation_rules_daily_limit_is_possible": "daily_limit",
    "ai_automation_rules_days_are_iso": "active_days",
    "ai_automation_rules_hours_are_a_span": "active_until",
    "ai_automation_rules_time_zone_exists": "time_zone",
    "ai_automation_rules_prompt_fits": "prompt",
    "ai_automation_rules_language_fits": "language",
    "ai_automation_rules_model_fits": "model",
    "ai_automation_rules_schedule_is_possible": "every",
    "ai_automation_rules_times_are_few": "run_at",
}
# What a new automation begins with; the database's own defaults.
NEW: Values = {
    "name": "",
    "include_tags": [],
    "include_mode": "any",
    "exclude_tags": [],
    "wait_minutes": 1200,
    "max_follow_ups": 3,
    "daily_limit": 200,
    "active_days": [1, 2, 3, 4, 5, 6, 7],
    "active_from": "09:00:00",
    "active_until": "20:00:00",
    "time_zone": "UTC",
    "run_24_7": False,
    "prompt": "",
    "language": "",
    "model": "",
    "review_before_send": False,
    "stop_on_reply": True,
    "run_every_minutes": 60,
    "run_at": [],
}
FLAGS = ("run_24_7", "review_before_send", "stop_on_reply")


@dataclass(frozen=True, slots=True)
class Reading:
    """Settings as the database takes them, and what is wrong or odd, by field."""

    settings: Values
    errors: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)


class MistypedError(Exception):
    """What was typed cannot be a value; the text says what can."""


def read(typed: Values) -> Reading:
    """Reads every field; one that cannot be read has an error and no setting."""
    settings: Values = {}
    errors: dict[str, str] = {}
    for name, reader in READERS.items():
        try:
            settings[SETTING_OF.get(name, name)] = reader(typed.get(name))
        except MistypedError as mistake:
            errors[name] = str(mistake)
    settings["include_mode"] = "all" if typed.get("include_mode") == "all" else "any"
    settings.update({name: bool(typed.get(name)) for name in FLAGS})
    if not typed.get("page_id"):
        errors["page_id"] = "Choose a page."
    settings["page_id"] = str(typed.get("page_id") or "")
    _check_hours(settings, errors)
    return Reading(settings, errors, _warn(settings))


def shown(rule: Values) -> Values:
    """A saved rule as the form's fields hold it; `read` of it gives the same settings."""
    wait, wait_unit = split_minutes(rule["wait_minutes"])
    every, every_unit = split_minutes(rule["run_every_minutes"])
    same = ("name", "page_id", "include_mode", "time_zone", "prompt", "language", "model", *FLAGS)
    return {
        **{name: rule[name] for name in same},
        "include_tags": list(rule["include_tags"]),
        "exclude_tags": list(rule["exclude_tags"]),
        "active_days": sorted(rule["active_days"]),
        "active_from": _shown_clock(rule["active_from"]),
        "active_until": _shown_clock(rule["active_until"]),
        "wait": [wait, wait_unit],
        "every": [every, every_unit],
        "run_at": ", ".join(_shown_clock(clock) for clock in rule["run_at"]),
        "max_follow_ups": str(rule["max_follow_ups"]),
        "daily_limit": str(rule["daily_limit"]),
    }


def split_minutes(minutes: int) -> tuple[str, str]:
    """1200 is 20 hours, 90 is 90 minutes: the largest unit that leaves no rest."""
    for unit, size in reversed(UNITS.items()):
        if minutes and minutes % size == 0:
            return str(minutes // size), unit
    return str(minutes), "minutes"


@cache
def zones() -> tuple[str, ...]:
    """Names such as Europe/Berlin, and UTC."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


def _text(most: int, least: int = 0, *, as_typed: bool = False) -> Any:
    def reader(typed: Any) -> str:
        text = UNSTORABLE.sub("", str(typed or ""))
        text = text if as_typed else text.strip()
        if len(text) < least:
            raise MistypedError("Give it a name.")
        if len(text) > most:
            raise MistypedError(f"{len(text):,} characters; at most {most:,} fit.")
        return text

    return reader


def _whole(least: int, most: int) -> Any:
    def reader(typed: Any) -> int:
        text = re.sub(r"[,\s_]", "", str("" if typed is None else typed))
        if not text.isascii() or not re.fullmatch(r"-?\d{1,12}", text):
            raise MistypedError(f"Write a whole number from {least:,} to {most:,}.")
        if not least <= int(text) <= most:
            raise MistypedError(f"From {least:,} to {most:,}.")
        return int(text)

    return reader


def _minutes(least: int, most: int) -> Any:
    def reader(typed: Any) -> int:
        number, unit = typed if isinstance(typed, list) and len(typed) == 2 else ("", "")
        text = str("" if number is None else number).strip().replace(",", ".")
        if str(unit) not in UNITS or not re.fullmatch(r"-?\d{1,9}(\.\d{1,4})?", text):
            raise MistypedError(f"Write a number: from {_told(least)} to {_told(most)}.")
        minutes = float(text) * UNITS[str(unit)]
        if minutes != round(minutes):
            raise MistypedError("Write it in whole minutes.")
        if not least <= minutes <= most:
            raise MistypedError(f"From {_told(least)} to {_told(most)}.")
        return round(minutes)

    return reader


def _tags(typed: Any) -> list[str]:
    given: Iterable[Any] = typed if isinstance(typed, list) else []
    cleaned = (UNSTORABLE.sub("", str(tag)).strip().lower() for tag in given)
    tags = sorted({tag for tag in cleaned if tag})
    if any(len(tag) > TAG_MOST for tag in tags):
        raise MistypedError(f"A tag has at most {TAG_MOST} characters.")
    if len(tags) > TAGS_MOST:
        raise MistypedError(f"{len(tags)} tags; at most {TAGS_MOST} fit.")
    return tags


def _days(typed: Any) -> list[int]:
    given = typed if isinstance(typed, list) else []
    return sorted({day for day in given if isinstance(day, int) and 1 <= day <= 7})


def _clock(typed: Any) -> str:
    text = str(typed or "").strip()
    if not CLOCK.fullmatch(text):
        raise MistypedError("Write a time of day, such as 09:00.")
    return text if len(text) == 8 else f"{text}:00"


def _times(typed: Any) -> list[str]:
    given = re.split(r"[,;\s]+", str(typed or "").strip())
    try:
        times = sorted({_clock(f"0{text}"[-5:]) for text in given if text})
    except MistypedError:
        raise MistypedError("Write times of day, such as 09:00, 17:30.") from None
    if len(times) > RUN_AT_MOST:
        raise MistypedError(f"{len(times)} times; at most {RUN_AT_MOST} fit.")
    return times


def _zone(typed: Any) -> str:
    text = str(typed or "").strip()
    if text in zones():
        return text
    same = [name for name in zones() if name.lower() == text.lower()]
    if same:
        return same[0]
    words = text.lower().replace(" ", "_")
    near = [name for name in zones() if words and words in name.lower()][:2]
    near = near or get_close_matches(text, zones(), n=2)
    hint = f" Did you mean {' or '.join(near)}?" if near else " Choose one from the list."
    raise MistypedError("There is no such time zone." + hint)


READERS = {
    "name": _text(NAME_MOST, least=1),
    "include_tags": _tags,
    "exclude_tags": _tags,
    "wait": _minutes(*WAIT_MINUTES),
    "max_follow_ups": _whole(*FOLLOW_UPS),
    "daily_limit": _whole(*DAILY_LIMIT),
    "active_days": _days,
    "active_from": _clock,
    "active_until": _clock,
    "time_zone": _zone,
    "prompt": _text(PROMPT_MOST, as_typed=True),
    "language": _text(WORD_MOST),
    "model": _text(WORD_MOST),
    "every": _minutes(*RUN_EVERY_MINUTES),
    "run_at": _times,
}
SETTING_OF = {"wait": "wait_minutes", "every": "run_every_minutes"}


def _check_hours(settings: Values, errors: dict[str, str]) -> None:
    if settings["run_24_7"]:
        _forgive_hours(settings, errors)
    start, end = settings.get("active_from"), settings.get("active_until")
    if start != end or start is None:
        return
    if start == "00:00:00":
        settings["active_until"] = "24:00:00"  # the whole day, which a clock cannot show
    else:
        errors["active_until"] = "The same as From: choose another time, or around the clock."


def _forgive_hours(settings: Values, errors: dict[str, str]) -> None:
    """Around the clock nobody asks for the hours, and they cannot be typed; any span will do."""
    hours = ("active_from", "active_until")
    read_ones = [settings.get(name) for name in hours]
    for name in hours:
        errors.pop(name, None)
    midnight = read_ones == ["00:00:00"] * 2
    if None in read_ones or (read_ones[0] == read_ones[1] and not midnight):
        settings.update({name: NEW[name] for name in hours})


def _warn(settings: Values) -> dict[str, str]:
    found = {}
    if settings.get("daily_limit") == 0:
        found["daily_limit"] = "0: nothing is sent."
    if settings.get("active_days") == [] and not settings.get("run_24_7"):
        found["active_days"] = "No day chosen: nothing is sent."
    both = set(settings.get("include_tags", ())) & set(settings.get("exclude_tags", ()))
    if both:
        found["exclude_tags"] = f"Also wanted above: {', '.join(sorted(both))}. Excluding wins."
    if settings.get("prompt") == "":
        found["prompt"] = "Without a prompt the AI has only the conversation to go by."
    return found


def _shown_clock(stored: str) -> str:
    """24:00 is the midnight at the end of the day; clocks show it as 00:00."""
    text = "00:00:00" if stored.startswith("24:") else stored[:8]
    return text[:5] if text.endswith(":00") else text


def _told(minutes: int) -> str:
    number, unit = split_minutes(minutes)
    return f"{int(number):,} {unit if number != '1' else unit[:-1]}"
