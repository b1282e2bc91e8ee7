"""This file is where a press of a button on the monitor is done, and told in words."""

from collections.abc import Awaitable, Callable
from typing import Any

from pages._components.ask import text, whole
from pages._components.words import count
from pipeline.feed import Feed, FeedError

Row = dict[str, Any]
PER_PAGE = 100
TOO_LATE = "It had already moved on; nothing was changed"
SWITCH_ON = "Switch it on, then approve the message."
NOT_TO_BE_SENT = "It would not be sent. The contact's card shows within a minute what comes next."
UNKNOWN = FeedError("This button is not known here.", "Reload the page.")


async def press(feed: Feed, action: Row, rule_id: str) -> tuple[str, str]:
    """Does it; returns what happened, in words. Raises FeedError."""
    do = BUTTONS.get(str(action.get("act")))
    if do is None:
        raise UNKNOWN
    return await do(feed, action, rule_id)


async def _on(feed: Feed, _: Row, rule_id: str) -> tuple[str, str]:
    await feed.set_rule_enabled(rule_id, True)
    return "Switched on", ""


async def _off(feed: Feed, _: Row, rule_id: str) -> tuple[str, str]:
    await feed.set_rule_enabled(rule_id, False)
    return "Switched off", ""


async def _retry(feed: Feed, action: Row, _: str) -> tuple[str, str]:
    changed = (await feed.retry_contacts(_chosen(action)))["changed"]
    return (f"{count(changed, 'contact')} queued again" if changed else TOO_LATE), ""


async def _cancel(feed: Feed, action: Row, _: str) -> tuple[str, str]:
    changed = (await feed.cancel_contacts(_chosen(action)))["changed"]
    return (f"{count(changed, 'contact')} cancelled" if changed else TOO_LATE), ""


async def _approve(feed: Feed, action: Row, _: str) -> tuple[str, str]:
    # More than is ever taken: what is too long is refused, not cut.
    message = text(action.get("text"), 4000).strip()
    told = await feed.approve_message(_one(action), message)
    if not told["approved"]:
        hint = SWITCH_ON if told["reason_code"] == "rule_disabled" else NOT_TO_BE_SENT
        raise FeedError(f"Not approved: {told['reason']}.", hint)
    if "reason" in told:
        return f"Approved; it waits. {told['reason']}", "It goes out when the page can send again."
    return "Approved; it goes out now", ""


async def _reject(feed: Feed, action: Row, _: str) -> tuple[str, str]:
    await feed.reject_message(_one(action), text(action.get("text"), 300).strip())
    return "Rejected; it will not be sent", ""


Press = Callable[[Feed, Row, str], Awaitable[tuple[str, str]]]
BUTTONS: dict[str, Press] = {
    "on": _on,
    "off": _off,
    "retry": _retry,
    "again": _retry,
    "cancel": _cancel,
    "approve": _approve,
    "reject": _reject,
}


def _chosen(action: Row) -> list[int]:
    # At most what one page of the list shows.
    ids = action.get("ids")
    return [whole(item) for item in ids[:PER_PAGE]] if isinstance(ids, list) else []


def _one(action: Row) -> int:
    return (_chosen(action) or [0])[0]
