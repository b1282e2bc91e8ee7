"""This file is where the code of a failure becomes a cause in words, and a way to its tries."""

from collections.abc import Sequence
from urllib.parse import urlencode

from pages._components.span import Span
from pipeline.looking import ERROR_CLASSES

# The same facts as the sentences in pipeline/steps and pipeline/adapters, as lines of a list; a
# test finds every code here.
CAUSES = {
    "rate_limited": "Facebook asked the page to send more slowly",
    "thread_taken": "Another app holds the conversation",
    "facebook_unreachable": "Facebook could not be reached",
    "outcome_unknown": "Nobody knows whether it arrived",
    "unexpected": "Something unexpected happened here",
    "window_closed": "24-hour window closed",
    "contact_unavailable": "This person cannot receive messages",
    "no_such_contact": "Facebook knows no such person",
    "opted_out": "The contact stopped these messages",
    "too_many_messages": "The contact got too many messages",
    "duplicate": "Facebook says it was sent before",
    "not_accepted": "Facebook did not accept the message",
    "token_invalid": "Facebook does not accept the page's access",
    "token_expired": "The page's access has expired",
    "token_checkpoint": "Facebook wants the page's person to log in",
    "token_unreadable": "The page's token cannot be read here",
    "permission_missing": "The permission to send is missing",
    "page_restricted": "Facebook does not let the page send",
    "terms_not_accepted": "Facebook's terms are not accepted",
    "lease_nearly_over": "The worker ran out of time before sending",
    "worker_stopped": "The worker was stopped",
    "ai_key_refused": "Google AI does not accept the API key",
    "ai_model_unknown": "Google AI does not know the model",
    "ai_request_refused": "Google AI did not accept the request",
    "provider_away": "Facebook or Google AI had trouble",
    "many_retries": "Many others were being repeated",
    "ai_region": "Google AI is not free in this country",
    "ai_unavailable": "Google AI was not available",
    "ai_rate_limited": "Google AI got too many requests",
    "ai_daily_quota": "Google AI's quota of the day was used up",
    "ai_blocked": "Google AI blocked the message",
    "ai_empty": "Google AI wrote nothing",
    "text_placeholder": "The text had a placeholder",
    "text_refusal": "The AI declined to write",
    "text_link": "The text had a link or a number of its own",
    "text_language": "The text was in another language",
    "text_json": "The AI answered in code, not in words",
    "text_garbled": "The text had signs nobody can read",
    "text_repeated": "The text was the same as last time",
    "text_too_long": "The text was too long",
    "text_empty": "The text was empty",
    "worker_lost": "Workers were lost while writing",
}


def cause(code: str) -> str:
    """In words; a code that is new is shown as it is, never hidden."""
    return CAUSES.get(code) or code.replace("_", " ").capitalize() or "No cause was noted"


def history_of(code: str, rule_ids: Sequence[str], span: Span) -> str:
    """The address of the tries that failed like this; empty for what failed before it was tried."""
    kind = next((kind for kind, codes in ERROR_CLASSES.items() if code in codes), "")
    if not kind:
        return ""
    asked = {"error": kind, "from": span.first_day, "until": span.last_day, "zone": span.zone}
    if len(rule_ids) == 1:
        asked["rule"] = rule_ids[0]
    return f"/history?{urlencode(asked)}"
