"""This file is where Google AI's errors become "later" or "a person is needed"."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.genai.errors import APIError

from pipeline.ports import WriterBusyError, WriterError, WriterRefusedError
from pipeline.waits import within_a_day

PACIFIC = ZoneInfo("America/Los_Angeles")
LATER = frozenset({408, 499})
KEY_HINT = "Check GOOGLE_API_KEY in .env: it must be a valid Google AI key with this model enabled."
MODEL_HINT = "Choose a current model in the automation, or set GOOGLE_MODEL."
REFUSED: dict[int, tuple[str, str, str]] = {
    401: ("ai_key_refused", "Google AI does not accept the API key.", KEY_HINT),
    403: ("ai_key_refused", "Google AI does not accept the API key.", KEY_HINT),
    404: ("ai_model_unknown", "Google AI does not know this model.", MODEL_HINT),
}
AWAY_HINT = "Nothing to do: it is asked again by itself, at growing intervals."
RATE_HINT = (
    "It is asked again by itself. If this is frequent, raise the project's limits in Google AI "
    "Studio or lower the automation's daily limit."
)
QUOTA_HINT = (
    "It goes on by itself after midnight Pacific time. To go on today, enable billing for the "
    "project in Google AI Studio or choose another model."
)
NOT_HERE = (
    "ai_region",
    "Google does not offer its AI for free in the country this server is in.",
    "Enable billing for the API key's project in Google AI Studio, or run the worker in a country "
    "that Google lists as supported; then retry.",
)
NOT_ACCEPTED = (
    "ai_request_refused",
    "Google AI did not accept the request.",
    "Shorten the automation's prompt or choose another model, then retry.",
)


def explain(error: APIError, now: datetime) -> WriterError:
    """The error in our words. Google's own text is left out: it may repeat what was sent."""
    status = int(error.code or 0)
    if status == 429:
        return _limited(error, now)
    # Neither Google nor a proxy before it finds a fault with a request otherwise than by 4xx.
    if status in LATER or not 400 <= status < 500:
        words = f"Google AI is not available (HTTP {status})."
        return WriterBusyError("ai_unavailable", words, AWAY_HINT)
    if status == 400 and "API_KEY" in str(_detail(error, "ErrorInfo").get("reason", "")):
        return WriterRefusedError(*REFUSED[401])
    if status == 400 and error.status == "FAILED_PRECONDITION":
        return WriterRefusedError(*NOT_HERE)
    return WriterRefusedError(*REFUSED.get(status, NOT_ACCEPTED))


def seconds_until_reset(now: datetime) -> float:
    """Until midnight Pacific time, when Google's daily quotas begin again."""
    local = now.astimezone(PACIFIC)
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), PACIFIC)
    return (midnight.astimezone(UTC) - now).total_seconds()


def _limited(error: APIError, now: datetime) -> WriterError:
    quotas = " ".join(str(row.get("quotaId", "")) for row in _violations(error))
    if "PerDay" in quotas:
        words = "Google AI's quota for today is used up."
        return WriterBusyError("ai_daily_quota", words, QUOTA_HINT, seconds_until_reset(now))
    words = "Google AI is receiving too many requests."
    return WriterBusyError("ai_rate_limited", words, RATE_HINT, _retry_delay(error))


def _retry_delay(error: APIError) -> float:
    """RetryInfo's delay, written as `38.2s`; a day at most."""
    try:
        words = str(_detail(error, "RetryInfo").get("retryDelay", "0s"))
        return within_a_day(float(words.removesuffix("s")))
    except ValueError:
        return 0.0


def _violations(error: APIError) -> list[Mapping[str, Any]]:
    rows = _detail(error, "QuotaFailure").get("violations", [])
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _detail(error: APIError, kind: str) -> Mapping[str, Any]:
    found = (row for row in _details(error) if str(row.get("@type", "")).endswith(kind))
    return next(found, {})


def _details(error: APIError) -> Iterator[Mapping[str, Any]]:
    body = error.details if isinstance(error.details, Mapping) else {}
    inner = body.get("error", body)
    rows = inner.get("details", []) if isinstance(inner, Mapping) else []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping):
            yield row
