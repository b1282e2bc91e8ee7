"""This file is where what somebody looks for in lists is cut to what makes sense."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.answers import is_uuid

MOST_CHARACTERS = 200
OPTED = ("yes", "no")
WINDOWS = ("open", "closed", "never")
OUTCOMES = ("sending", "sent", "failed", "retry", "retried", "dropped", "unknown", "abandoned")
# Why a try did not succeed, by what can be done about it. The codes are those of pipeline/steps.
ERROR_CLASSES = {
    "access": (
        *("token_invalid", "token_expired", "token_checkpoint", "token_unreadable"),
        *("permission_missing", "page_restricted", "terms_not_accepted"),
    ),
    "contact": (
        *("window_closed", "contact_unavailable", "no_such_contact", "opted_out"),
        "too_many_messages",
    ),
    "later": (
        *("rate_limited", "thread_taken", "facebook_unreachable", "lease_nearly_over"),
        "worker_stopped",
    ),
    "doubt": ("outcome_unknown", "unexpected", "duplicate"),
    "message": ("not_accepted",),
}

Fits = dict[str, str]
# Name of a filter -> whether a value of it makes sense.
Filters = Mapping[str, Callable[[str], bool]]


def is_day(text: str) -> bool:
    """Whether it is a day such as 2026-11-23 that anything can be about."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    # There is no day after the last one, and no Facebook before 2004.
    return day.isoformat() == text and 2004 <= day.year <= 2100


def is_zone(text: str) -> bool:
    """Whether it is the IANA name of a time zone."""
    try:
        ZoneInfo(text)
    except (OSError, ValueError):  # an unknown key is a KeyError of theirs, but also a ValueError
        return False
    except KeyError:
        return False
    return True


CONTACT_FILTERS: Filters = {
    "q": bool,
    "page": is_uuid,
    "tag": bool,
    "opted": OPTED.__contains__,
    "window": WINDOWS.__contains__,
}
AUDIT_KINDS = ("automations", "contacts", "messages", "pages", "settings")
AUDIT_FILTERS: Filters = {
    "kind": AUDIT_KINDS.__contains__,
    "rule": is_uuid,
    "from": is_day,
    "until": is_day,
    "zone": is_zone,
}
HISTORY_FILTERS: Filters = {
    "q": bool,
    "rule": is_uuid,
    "outcome": OUTCOMES.__contains__,
    "error": ERROR_CLASSES.__contains__,
    "page": is_uuid,
    "from": is_day,
    "until": is_day,
    "zone": is_zone,
}


def fitting(given: Mapping[str, Any], filters: Filters) -> Fits:
    """What of `given` is a filter with a value that makes sense."""
    wishes = {name: _text(given.get(name)) for name in filters}
    return {name: word for name, word in wishes.items() if word and filters[name](word)}


def attempt_filter(fits: Fits) -> dict[str, Any]:
    """The same as list_attempts takes it: days as moments, a class of errors as its codes."""
    found: dict[str, Any] = {
        name: fits[name] for name in ("q", "rule", "outcome", "page") if name in fits
    }
    if "from" in fits:
        found["from"] = begins(fits).isoformat()
    if "until" in fits:
        found["until"] = (ends(fits) - timedelta(microseconds=1)).isoformat()
    if "error" in fits:
        found["codes"] = list(ERROR_CLASSES[fits["error"]])
    return found


def begins(fits: Fits) -> datetime:
    """The first moment of the day `from`, in the reader's zone."""
    return _begins(fits["from"], ZoneInfo(fits.get("zone", "UTC")))


def ends(fits: Fits) -> datetime:
    """The first moment after the day `until`."""
    day_after = date.fromisoformat(fits["until"]) + timedelta(days=1)
    return _begins(day_after.isoformat(), ZoneInfo(fits.get("zone", "UTC")))


def _begins(day: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.min, zone)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return value[:MOST_CHARACTERS].replace("\x00", "").strip()
