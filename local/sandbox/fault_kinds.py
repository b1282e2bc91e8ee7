"""This file is where every kind of fault the sandbox can play is listed, with what it means."""

from typing import NamedTuple


class Act(NamedTuple):
    """What a kind of fault does: a meaning for people, how the call is answered, is it received."""

    meaning: str
    answer: str
    stored: bool = False


# read: one thread; list: the threads of a page; connect: whose a token is, and what it opens;
# inspect: what is granted to it.
CALLS: dict[str, tuple[str, ...]] = {
    "google": ("write",),
    "facebook": ("send", "read", "list", "connect", "inspect", "subscribe", "webhook"),
}

GOOGLE: dict[str, Act] = {
    "rate-limit": Act("429, per-minute quota, RetryInfo says how long to wait", "rate-limit"),
    "daily-quota": Act("429, per-day quota, used up until the reset", "daily-quota"),
    "internal": Act("500 INTERNAL", "internal"),
    "unavailable": Act("503 UNAVAILABLE, overloaded", "unavailable"),
    "bad-gateway": Act("502 with an HTML page", "gateway-page"),
    "invalid-key": Act("400 API_KEY_INVALID", "invalid-key"),
    "permission": Act("403 PERMISSION_DENIED", "permission"),
    "no-such-model": Act("404 NOT_FOUND for the model", "no-such-model"),
    "blocked": Act("200, no text, finish reason SAFETY", "blocked"),
    "prompt-blocked": Act("200, no candidate, prompt blocked", "prompt-blocked"),
    "empty": Act("200, a candidate with empty text", "empty"),
    "max-tokens": Act("200, no text, finish reason MAX_TOKENS", "max-tokens"),
    "malformed": Act("200, the text is JSON cut in the middle", "malformed"),
    "placeholder": Act("200, the text contains [Name]", "placeholder"),
    "refusal": Act("200, the text refuses the task", "refusal"),
    "too-long": Act("200, a text of 2,400 characters", "too-long"),
    "huge": Act("200, a text of 1 MB", "huge"),
    "repeat": Act("200, always the same text", "repeat"),
    "link": Act("200, the text contains a link nobody asked for", "link"),
    "obedient": Act("200, what the contact told the AI to answer, JSON as it is", "obedient"),
    "wrong-language": Act("200, a text in a language nobody asked for", "wrong-language"),
    "unshaped": Act("200, the text is a JSON word, not the object that is asked for", "unshaped"),
    "unseen": Act("200, a text of signs that nobody sees", "unseen"),
    "garbled": Act("200, the text runs backwards and has heaps of marks", "garbled"),
    "no-message": Act("200, an error in place of a message", "no-message"),
    "nested": Act("200, JSON too deep to read", "nested"),
    "impossible-counts": Act("a good answer with counts of tokens that cannot be", "ok"),
    "slow": Act("a good answer, but only after `seconds` (default 5)", "ok"),
    "reset-before": Act("the connection is reset, no answer", "reset"),
    "hang": Act("never answered", "hang"),
}

FACEBOOK: dict[str, Act] = {
    "refuse-before": Act("500, error 2; the message is not received", "temporary"),
    "accept-then-error": Act(
        "the message is received, answered with 500, error 1", "unknown", True
    ),
    "accept-then-garbage": Act("received, answered with an HTML page", "gateway-page", True),
    "accept-then-nested": Act("received, answered with JSON too deep to read", "nested", True),
    "accept-then-flood": Act("received, answered with 64 MB", "flood", True),
    "accept-then-packed": Act("received, answered with 64 MB packed into few", "packed", True),
    "accept-then-limit": Act("received, answered with 613, too many calls", "rate-limit", True),
    "wrong-recipient": Act("received, answered as if it went to another", "wrong-recipient", True),
    "odd-rows": Act("read: beside the messages stand rows not as documented", "ok", True),
    "late-thread": Act(
        "read: what arrived in the last `seconds` is not shown yet (default 5)", "ok", True
    ),
    "reset-before": Act("connection reset; the message is not received", "reset"),
    "reset-after-accept": Act(
        "the message is received, then the connection is reset", "reset", True
    ),
    "hang": Act("never answered; the message is not received", "hang"),
    "hang-after-accept": Act("the message is received, but never answered", "hang", True),
    "slow": Act("received and answered, but only after `seconds` (default 5)", "ok", True),
    "bad-gateway": Act("502 with an HTML page; not received", "gateway-page"),
    "usage-80": Act("received; the usage headers say 80 %", "usage-80", True),
    "usage-high": Act(
        "received; X-App-Usage and the business header say 96 %, 10 minutes", "usage-high", True
    ),
    "rate-limit": Act("613, too many calls", "rate-limit"),
    "app-rate-limit": Act("4, too many calls of the app, is_transient", "app-rate-limit"),
    "page-rate-limit": Act("32, too many calls of the page", "page-rate-limit"),
    "business-rate-limit": Act("80006, with minutes to wait in the header", "business-rate-limit"),
    "expired-cursor": Act("2642, the cursor is not known any more", "bad-cursor"),
    "too-much-data": Act("1, ask for less at once", "too-much-data"),
    "token-expired": Act("190/463", "token-expired"),
    "token-invalid": Act("190/467", "token-invalid"),
    "permission": Act("200, no permission", "permission"),
    "maybe-permission": Act("1/99, a missing permission can cause it", "maybe-permission"),
    "window-closed": Act("10/2018278, outside the 24 hours", "window-closed"),
    "unavailable": Act("551/1545041, this person is not available", "unavailable"),
    "no-matching-user": Act("100/2018001", "no-matching-user"),
    "page-restricted": Act("10/1893063, the page may not send for now", "page-restricted"),
    "policy-block": Act("368, blocked for policy violations", "policy-block"),
    "commerce-disabled": Act("2022, commerce messages disabled", "commerce-disabled"),
    "webhook-delay": Act("an event, and what comes after it, is posted only after `seconds`", "ok"),
    "webhook-duplicate": Act("an event is posted twice", "ok"),
    "webhook-out-of-order": Act("an event is posted after later ones, in `seconds`", "ok"),
    "webhook-dropped": Act("an event is never posted", "ok"),
    "thread-taken": Act("2018300, another app controls the thread", "thread-taken"),
}

# What happens to events, not to calls; `containing` names an event: message, echo, delivery, read.
OF_WEBHOOK = frozenset(kind for kind in FACEBOOK if kind.startswith("webhook-"))

ANSWERS: dict[str, dict[str, Act]] = {"google": GOOGLE, "facebook": FACEBOOK}

# What people are shown, by `GET /faults` and with a 400.
KINDS: dict[str, dict[str, str]] = {
    service: {kind: act.meaning for kind, act in acts.items()} for service, acts in ANSWERS.items()
}
