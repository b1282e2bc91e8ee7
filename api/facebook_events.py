"""This file is where the body of a webhook call becomes events, and what is none is counted."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.rows import UNSTORABLE

EARLIEST_MS, LATEST_MS = 1_072_915_200_000, 4_102_444_800_000  # the years 2004 and 2100
LONGEST_ID = 200
LONGEST_TEXT = 20_000
# Pages and people have numbers; nobody's holds a space or a quote.
PERSON = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
OWN_KINDS = ("message", "delivery", "read", "postback", "reaction", "referral")
POLICY_ACTIONS = ("warning", "block", "unblock")

Row = dict[str, Any]


class MalformedError(Exception):
    """This is not what Facebook posts; the text says what is wrong, not what was in it."""


@dataclass
class Told:
    """What one body told: events to keep, and how many items were of a kind we do not use."""

    events: list[Row] = field(default_factory=list)
    unused: Counter[str] = field(default_factory=Counter)
    malformed: int = 0


def read_body(body: bytes) -> Told:
    """Raises MalformedError when nothing in the body can be understood."""
    try:
        told = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise MalformedError("The body is not JSON.") from None
    if not isinstance(told, dict) or told.get("object") != "page":
        raise MalformedError("The object is not a page.")
    entries = told.get("entry")
    if not isinstance(entries, list) or not entries:
        raise MalformedError("There is no entry.")
    found = Told()
    for entry in entries:
        _read_entry(entry, found)
    if found.malformed and not found.events and not found.unused:
        raise MalformedError("No item can be understood.")
    return found


def _read_entry(entry: object, found: Told) -> None:
    if not isinstance(entry, dict) or not _person(entry):
        found.malformed += 1
        return
    lists = [entry[name] for name in ("messaging", "standby") if name in entry]
    if "changes" in entry:
        found.unused["changes"] += 1
    elif not lists:
        found.malformed += 1
    for items in lists:
        if not isinstance(items, list) or not items:
            found.malformed += 1
            continue
        for item in items:
            _read_item(entry["id"], item, found)


def _read_item(page_id: str, item: object, found: Told) -> None:
    if not isinstance(item, dict):
        found.malformed += 1
        return
    if "policy_enforcement" in item:
        event = _policy(page_id, item)
    elif any(kind in item for kind in OWN_KINDS):
        event = _of_person(page_id, item)
    else:
        _count_unused(item, found)
        return
    if event is None:
        found.malformed += 1
    elif event:
        found.events.append(event)
    else:
        found.unused["without effect"] += 1


def _count_unused(item: Row, found: Told) -> None:
    names = sorted(set(item) - {"sender", "recipient", "timestamp"})
    if names and _person(item.get("sender")):
        # A name comes from outside, and becomes a label of a metric.
        found.unused[names[0] if names[0].isidentifier() and len(names[0]) < 40 else "other"] += 1
    else:
        found.malformed += 1


def _of_person(page_id: str, item: Row) -> Row | None:
    """An event; {} for one that changes nothing; None for one that cannot be understood."""
    sender, recipient = _person(item.get("sender")), _person(item.get("recipient"))
    message = item.get("message")
    echo = isinstance(message, dict) and message.get("is_echo") is True
    person, page = (recipient, sender) if echo else (sender, recipient)
    said_at = _moment(item.get("timestamp"))
    if not person or page != page_id:
        return None
    event: Row = {"facebook_page_id": page_id, "sender_id": person, "said_at": said_at}
    for kind in OWN_KINDS:
        if kind in item:
            told = READERS[kind](item[kind], item)
            return told and _finished(event, told)
    return None


def _finished(event: Row, told: Row) -> Row | None:
    kind, key = told.pop("kind"), told.pop("key", None)
    said_at = event["said_at"] or told.pop("said_at", None)
    told.pop("said_at", None)
    if said_at is None:
        return None
    event = {**event, "kind": kind, "said_at": said_at, "told": told}
    if not key:
        whole = json.dumps([event["sender_id"], kind, said_at, told], sort_keys=True)
        key = hashlib.sha256(whole.encode()).hexdigest()
    # The same id may come for two pages: then it is two events.
    return {**event, "event_key": f"{event['facebook_page_id']}:{kind}:{key}"}


def _message(value: object, _: Row) -> Row | None:
    if not isinstance(value, dict) or not _id(value.get("mid")):
        return None
    text = value.get("text", "")
    if not isinstance(text, str):
        return None
    told = {"mid": value["mid"], "text": _clean(text) or _attachments(value), "key": value["mid"]}
    if value.get("is_echo") is not True:
        return {**told, "kind": "message"}
    metadata = value.get("metadata")
    return {**told, "kind": "echo", "metadata": metadata if _id(metadata) else None}


def _attachments(message: Row) -> str:
    """What stands in the conversation for a picture: the AI reads words only."""
    given = message.get("attachments")
    items = given if isinstance(given, list) else []
    kinds = [one.get("type") for one in items if isinstance(one, dict)]
    return ", ".join(f"[{_clean(kind)[:20]}]" for kind in kinds if isinstance(kind, str))[:200]


def _delivery(value: object, _: Row) -> Row | None:
    mids = value.get("mids", []) if isinstance(value, dict) else None
    seen = _seen(value, "delivery")
    if seen is None or not isinstance(mids, list):
        return None
    return {**seen, "mids": [mid for mid in mids if _id(mid)][:100]}


def _read(value: object, _: Row) -> Row | None:
    return _seen(value, "read")


def _seen(value: object, kind: str) -> Row | None:
    moment = _moment(value.get("watermark")) if isinstance(value, dict) else None
    return {"kind": kind, "watermark": moment, "said_at": moment} if moment else None


def _postback(value: object, _: Row) -> Row | None:
    """A button was pressed: an action of the person, in the words that were on it."""
    if not isinstance(value, dict) or not isinstance(value.get("title", ""), str):
        return None
    title, mid = _clean(value.get("title", "")), value.get("mid")
    if not _id(mid):
        return {"kind": "action", "text": title}
    return {"kind": "message", "mid": mid, "text": title, "key": mid}


def _reaction(value: object, _: Row) -> Row | None:
    if not isinstance(value, dict) or value.get("action") not in ("react", "unreact"):
        return None
    return {"kind": "action"} if value["action"] == "react" else {}


def _referral(value: object, _: Row) -> Row | None:
    return {"kind": "action"} if isinstance(value, dict) else None


READERS = {
    "message": _message,
    "delivery": _delivery,
    "read": _read,
    "postback": _postback,
    "reaction": _reaction,
    "referral": _referral,
}


def _policy(page_id: str, item: Row) -> Row | None:
    value, said_at = item["policy_enforcement"], _moment(item.get("timestamp"))
    if not isinstance(value, dict) or said_at is None or _person(item.get("recipient")) != page_id:
        return None
    if value.get("action") not in POLICY_ACTIONS:
        return None
    reason = value.get("reason")
    told = {"action": value["action"], "reason": _clean(reason) if isinstance(reason, str) else ""}
    event = {"facebook_page_id": page_id, "sender_id": None, "said_at": said_at}
    return _finished(event, {**told, "kind": "policy"})


def _person(value: object) -> str:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and PERSON.fullmatch(found) else ""


def _id(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_ID
        and not UNSTORABLE.search(value)
        and not value.isspace()
    )


def _moment(value: object) -> str | None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not EARLIEST_MS <= value < LATEST_MS
    ):
        return None
    return datetime.fromtimestamp(value / 1000, UTC).isoformat()


def _clean(text: str) -> str:
    return UNSTORABLE.sub("", text)[:LONGEST_TEXT]
