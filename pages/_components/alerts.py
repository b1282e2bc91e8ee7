"""This file is where it is decided what a reader must know first: cause, and what to do."""

from typing import Any

from pages._components.contact_card import MAY_HAVE_ARRIVED, retry_helps
from pages._components.words import count, epoch
from pipeline.stages import Stage

Row = dict[str, Any]
SHOWN_CAUSES = 4
WARNED_SECONDS = 7 * 86_400
TO_PAGES = {"word": "Open Pages", "href": "/pages"}
PAGE_PROBLEMS = {
    "token_invalid": (
        "Facebook refuses the page's access",
        "Give “{page}” a new access token; waiting contacts then go on by themselves.",
    ),
    "restricted": (
        "Facebook has restricted the page",
        "Open the page's support inbox on Facebook; “{page}” sends again once it is lifted.",
    ),
}


def alerts(snapshot: Row) -> list[Row]:
    """What failed or stands still, worst first. `tone` is bad, warn or info; `show` is a stage."""
    return [alert for alert in (banner(snapshot) for banner in BANNERS) if alert]


def worker_away(snapshot: Row) -> Row | None:
    """Nothing moves without a worker."""
    if snapshot["workers"]["alive"]:
        return None
    return {
        "tone": "bad",
        "title": "No worker is running",
        "text": "Contacts wait where they are. Nothing is lost; it goes on when a worker is back.",
        "since": epoch(snapshot["workers"]["last_beat_at"]),
    }


def sending_held(snapshot: Row) -> Row | None:
    """A worker that writes to real people waits for a receiver (pipeline/send_gate.py)."""
    why = snapshot["workers"].get("sending_held")
    if not snapshot["workers"]["alive"] or not why:
        return None
    return {"tone": "bad", "title": "Nothing is being sent", "text": str(why)}


def page_problem(snapshot: Row) -> Row | None:
    """The page is refused, restricted, or rests after a rate limit."""
    return about_page(snapshot["rule"], epoch(snapshot["now"]) or 0)


def about_page(rule: Row, now: float) -> Row | None:
    """Cause and action, if the page of a rule cannot send; the same on the monitor and the list."""
    held = _held(rule)
    if held:
        return held | {"link": TO_PAGES}
    problem = PAGE_PROBLEMS.get(str(rule.get("page_status")))
    until = epoch(rule.get("paused_until"))
    waits: Row = {"until": until} if until and until > now else {}
    if problem:
        cause = str(rule.get("page_reason") or "") or problem[0]
        text = problem[1].format(page=rule["page_name"])
        waits |= {"word": "next try by itself"} if waits else {}
        return {
            "tone": "bad",
            "title": cause.rstrip("."),
            "text": text,
            "link": TO_PAGES,
            **waits,
        }
    if waits:
        return {
            "tone": "warn",
            "title": str(rule.get("page_reason") or "Facebook asked us to slow down").rstrip("."),
            "text": f"“{rule['page_name']}” sends again by itself.",
            **waits,
        }
    warned = warning(rule, now)
    return warned | {"link": TO_PAGES} if warned else None


def warning(page: Row, now: float) -> Row | None:
    """What Facebook warned about within a week; the page still sends."""
    since = epoch(page.get("warned_at"))
    if not since or now - since > WARNED_SECONDS:
        return None
    said = str(page.get("warning") or "")
    return {
        "tone": "warn",
        "title": "Facebook warned about this page",
        "text": (f"“{said}” " if said else "")
        + "It still sends. See Page Quality in Meta Business Suite and change what is "
        "written, or Facebook may stop the page.",
        "since": since,
    }


def _held(rule: Row) -> Row | None:
    """A person paused the page or disconnected it: nothing starts before a person acts."""
    if rule.get("page_disconnected_at"):
        text = f"Nothing is written or sent until “{rule['page_name']}” is connected again."
        return {"tone": "bad", "title": "The page is disconnected", "text": text}
    if rule.get("page_paused_at"):
        text = f"Nothing is written or sent until somebody resumes “{rule['page_name']}”."
        return {"tone": "warn", "title": "The page is paused", "text": text}
    return None


def quota(snapshot: Row) -> Row | None:
    """Google writes nothing more today."""
    return about_quota(snapshot["rule"].get("ai_quota_until"), epoch(snapshot["now"]) or 0)


def about_quota(ends_at: str | None, now: float) -> Row | None:
    """Cause and what to do, while Google's daily quota is used up; `on` is when that ends."""
    ends = epoch(ends_at)
    if not ends or ends <= now:
        return None
    return {
        "tone": "warn",
        "title": "Google’s daily quota is used up",
        "text": "Nothing is lost: messages are written again by themselves when it begins anew. "
        "Sooner only with a larger quota, or another model in this automation.",
        "on": ends,
    }


def failures(snapshot: Row) -> Row | None:
    """How many failed, and the causes with what can be done about each."""
    causes = [_cause(row, snapshot["rule"]["page_status"]) for row in snapshot["failures"]]
    failed = sum(cause["n"] for cause in causes)
    if not failed:
        return None
    alone = len(causes) == 1
    told = "one cause" if alone else count(len(causes), "cause")
    alert: Row = {
        "tone": "bad",
        "title": f"{failed:,} failed" + (f", {told}" if failed > 1 else ""),
        "causes": causes[:SHOWN_CAUSES],
    }
    return alert | ({"more": len(causes) - SHOWN_CAUSES} if len(causes) > SHOWN_CAUSES else {})


def _cause(row: Row, page_status: str) -> Row:
    code = row["error_code"] or ""
    helps = retry_helps(Stage.FAILED, None, code, page_status)
    return {
        "n": row["contacts"],
        "code": code,
        "text": row["message"] or "No cause was given.",
        "hint": row["hint"] or "",
        "retry": "" if not helps else "again" if code in MAY_HAVE_ARRIVED else "retry",
    }


def reviews(snapshot: Row) -> Row | None:
    """Messages that a person must look at before they go out."""
    waiting = snapshot["to_review"]
    if not waiting:
        return None
    return {
        "tone": "info",
        "title": f"{count(waiting, 'message')} {'waits' if waiting == 1 else 'wait'} "
        "for your approval",
        "show": Stage.READY_TO_SEND,
        "approve": True,
    }


def off(snapshot: Row) -> Row | None:
    """A rule that is switched off starts nothing."""
    if snapshot["rule"]["enabled"]:
        return None
    return {
        "tone": "info",
        "title": "Switched off",
        "text": "No run starts, and contacts in flight stop at their next step.",
    }


# Each has its line on /system, too: standing.py.
BANNERS = (worker_away, sending_held, page_problem, quota, failures, reviews, off)
