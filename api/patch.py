"""This file is where the way from one snapshot to the next becomes a JSON Patch (RFC 6902)."""

import json
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
# Times of contacts that nobody moved grow by themselves; that alone is no news.
GROW = ("average_seconds", "oldest_seconds")
TOLERANCE_SECONDS = 0.5
WHO = "state_id"


def is_news(before: Row, now: Row, passed_seconds: float) -> bool:
    """Whether more has happened than that `passed_seconds` went by."""
    if {**_timeless(before), "stages": []} != {**_timeless(now), "stages": []}:
        return True
    both = zip(before["stages"], now["stages"], strict=True)
    return any(_stage_is_news(old, new, passed_seconds) for old, new in both)


def patch(before: Row, now: Row) -> list[Row]:
    """What makes `now` of `before`, in order; contacts are followed by their state_id."""
    found = []
    for name in before.keys() | now.keys():
        path = f"/{name}"
        if name == "contacts":
            found += _contacts(before[name], now[name])
        elif name == "stages":
            both = zip(before[name], now[name], strict=True)
            for place, (old, new) in enumerate(both):
                found += _fields(f"{path}/{place}", old, new)
        elif name in ("rule", "totals", "workers"):
            found += _fields(path, before[name], now[name])
        elif before[name] != now[name]:
            found.append(_replace(path, now[name]))
    return found


def _timeless(snapshot: Row) -> Row:
    workers = snapshot["workers"]
    beat = None if workers["alive"] else workers["last_beat_at"]
    return {**snapshot, "now": None, "workers": {**workers, "last_beat_at": beat}}


def _stage_is_news(before: Row, now: Row, passed_seconds: float) -> bool:
    if any(before[name] != now[name] for name in now if name not in GROW):
        return True
    for name in GROW:
        old, new = before[name], now[name]
        if old is None or new is None:
            if old is not new:
                return True
        elif now["contacts"] and abs(new - old - passed_seconds) > TOLERANCE_SECONDS:
            return True
    return False


def _fields(path: str, before: Row, now: Row) -> Iterator[Row]:
    """Rows of one kind have the same names."""
    for name, value in now.items():
        if before[name] != value:
            yield _replace(f"{path}/{name}", value)


def _contacts(before: list[Row], now: list[Row]) -> list[Row]:
    """Who left, who came, who changed places, then what changed; all anew where that is shorter."""
    found = [*_places([row[WHO] for row in before], now)]
    old = {row[WHO]: row for row in before}
    for place, row in enumerate(now):
        if row[WHO] in old:
            found += _fields(f"/contacts/{place}", old[row[WHO]], row)
    if found and len(json.dumps(found)) > len(json.dumps(now)):
        return [_replace("/contacts", now)]
    return found


def _places(ids: list[int], now: list[Row]) -> Iterator[Row]:
    wanted = [row[WHO] for row in now]
    stay = set(wanted)
    for place in range(len(ids) - 1, -1, -1):
        if ids[place] not in stay:
            del ids[place]
            yield {"op": "remove", "path": f"/contacts/{place}"}
    there = set(ids)
    for place, row in enumerate(now):
        who = row[WHO]
        if place < len(ids) and ids[place] == who:
            continue
        if who in there:
            before = ids.index(who)
            ids.insert(place, ids.pop(before))
            yield {"op": "move", "from": f"/contacts/{before}", "path": f"/contacts/{place}"}
        else:
            ids.insert(place, who)
            yield {"op": "add", "path": f"/contacts/{place}", "value": row}


def _replace(path: str, value: Any) -> Row:
    return {"op": "replace", "path": path, "value": value}
