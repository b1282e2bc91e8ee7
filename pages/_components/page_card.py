"""This file is where a Facebook page becomes what its card shows, as data for the script."""

from typing import Any

from pages._components.alerts import warning
from pages._components.causes import cause
from pages._components.words import count, epoch

Row = dict[str, Any]
# Icon, word and tone; the word is always there.
CONNECTED = ("✅", "Connected", "ok")
DISCONNECTED = ("🔌", "Disconnected", "mute")
REFUSED = ("⛔", "Access refused", "bad")
RESTRICTED = ("🚫", "Restricted by Facebook", "bad")
PAUSED = ("⏸️", "Paused by you", "warn")
WAITING = ("⏳", "Waiting for Facebook", "warn")
UNHEARD = ("📭", "Messages do not arrive", "warn")
WARNED = ("⚠️", "Warned by Facebook", "warn")
HINTS = {
    "token_invalid": "Give the page a new token; messages that wait then go out.",
    "restricted": "See Page Quality in Meta Business Suite. One message is tried now and then.",
}


def page_card(page: Row, now: float) -> Row:
    """Everything on the card of one page: who, how it is, rate, usage, reading, buttons."""
    icon, word, tone = health(page, now)
    return {
        "id": page["id"],
        "facebook_id": page["facebook_page_id"],
        "name": page["name"],
        # What is said of it where pages are offered to be connected.
        "connected": not page["disconnected_at"],
        "paused": bool(page["paused_at"]),
        "health": {"icon": icon, "word": word, "tone": tone},
        "problems": problems(page, now),
        "rate": page["sends_per_minute"],
        "usage": page["usage_percent"],
        "usage_at": epoch(page["usage_at"]),
        "contacts": page["contacts"],
        "automations": page["automations"],
        "sync": reading(page, now),
        "acts": acts(page, now),
    }


def health(page: Row, now: float) -> tuple[str, str, str]:
    """What matters most, first: it is gone, stopped, paused, slowed down, warned, unheard."""
    if page["disconnected_at"]:
        return DISCONNECTED
    if page["status"] != "active":
        return REFUSED if page["status"] == "token_invalid" else RESTRICTED
    if page["paused_at"]:
        return PAUSED
    if waits(page, now):
        return WAITING
    if warning(page, now):
        return WARNED
    return UNHEARD if page["subscribe_error"] else CONNECTED


def waits(page: Row, now: float) -> bool:
    """Whether Facebook's pause of the page is not over."""
    return (epoch(page["paused_until"]) or 0) > now


def problems(page: Row, now: float) -> list[Row]:
    """Cause, what to do, and until when or since when; as on the list of automations."""
    if page["disconnected_at"]:
        text = (
            "Its automations stand still. Contacts and history are kept; connect it again to go on."
        )
        if page["paused_at"]:
            text += " You had paused it: it stays paused until you resume it."
        return [_notice("info", "The page is disconnected", text, since=page["disconnected_at"])]
    found = [_of_facebook(page, now), warning(page, now)]
    if page["paused_at"]:
        text = "Nothing is written or sent until you resume it. Contacts and replies still come in."
        found.append(_notice("warn", "You paused this page", text, since=page["paused_at"]))
    if page["subscribe_error"]:
        text = f"{page['subscribe_error']} Replies come in with the next reading only."
        found.append(_notice("warn", "Facebook does not tell of new messages", text))
    found.append(unanswered(page))
    if page["error_message"] and page["status"] != "token_invalid":
        title = f"Reading stopped: {page['error_message']}"
        found.append(_notice("warn", title, page["error_hint"] or "", since=page["error_at"]))
    return [each for each in found if each]


def unanswered(page: Row) -> Row | None:
    """Who wrote STOP or START and could not be told that it was heard, within a day."""
    if not page["unanswered"]:
        return None
    told = count(page["unanswered"], "STOP or START", "STOPs or STARTs")
    text = f"{cause(page['unanswered_code'] or '')}. What they asked for holds all the same."
    title = f"{told} could not be answered"
    return _notice("warn", title, text, since=page["unanswered_at"])


def _of_facebook(page: Row, now: float) -> Row | None:
    waiting = waits(page, now)
    if page["status"] != "active":
        title = str(page["status_reason"] or "Facebook stopped the page").rstrip(".")
        notice = _notice("bad", title, HINTS[page["status"]], since=page["setback_at"])
        until = {"until": epoch(page["paused_until"]), "word": "next try by itself"}
        return notice | until if waiting else notice
    if not waiting:
        return None
    reason = str(page["status_reason"] or "Facebook asked us to slow down").rstrip(".")
    notice = _notice("warn", reason, "It goes on by itself.")
    return notice | {"until": epoch(page["paused_until"])}


def _notice(tone: str, title: str, text: str, since: str | None = None) -> Row:
    notice: Row = {"tone": tone, "title": title, "text": text}
    return notice | ({"since": epoch(since)} if since else {})


def reading(page: Row, now: float) -> Row:
    """How far its conversations are read; `left` is in seconds, `at` the end of the last round."""
    seen, total = page["threads_seen"] or 0, page["threads_total"] or 0
    row: Row = {"phase": page["phase"] or "never", "at": epoch(page["finished_at"])}
    if page["disconnected_at"]:
        return row | {"phase": "off"}
    later = epoch(page["not_before_at"])
    if later and later > now and page["error_message"]:
        row["later"] = later
    if row["phase"] == "counting":
        return row | {"text": f"Counting: {count(seen, 'conversation')} so far"}
    if row["phase"] == "reading" and page["is_full"]:
        pace = page["seconds_a_thread"]
        known = {"left": round(pace * max(total - seen, 0))} if pace and total else {}
        text = f"Read {seen:,} of {count(total, 'conversation')}"
        return row | known | {"text": text, "percent": min(100, 100 * seen / max(total, 1))}
    if row["phase"] == "reading":
        return row | {"text": "Looking for what changed"}
    if asked_again(page):
        return row | {"text": "Reading begins in a moment"}
    return row


def asked_again(page: Row) -> bool:
    """Whether somebody asked for a round that has not begun."""
    requested, started = epoch(page["requested_at"]), epoch(page["started_at"])
    return requested is not None and (started is None or requested > started)


def acts(page: Row, now: float) -> list[list[str]]:
    """The buttons that do something now: act, icon, word."""
    if page["disconnected_at"]:
        return [["connect", "🔗", "Connect again"]]
    refused = page["status"] == "token_invalid"
    token = ["token", "🔑", "New token"]
    sync = ["sync", "🔄", "Sync now"]
    held = [["try", "⚡", "Try now"]] if waits(page, now) and not refused else []
    pause = ["resume", "▶", "Resume"] if page["paused_at"] else ["pause", "⏸️", "Pause"]
    unheard = [["sync", "📬", "Subscribe again"]] if page["subscribe_error"] and not refused else []
    first = [token] if refused else [sync]
    last = [] if refused else [token]
    return [*first, *unheard, *held, pause, *last, ["disconnect", "🔌", "Disconnect"]]
