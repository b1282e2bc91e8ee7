"""This file is where Facebook's errors become later, skip, unknown, the page, or final."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.ports import GraphError


class Kind(StrEnum):
    """What an error means for the message in hand."""

    LATER = "later"
    PAGE = "page"
    SKIP = "skip"
    FINAL = "final"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with its words: a code to group by, a sentence for a person, what to do.

    `slows_app` says that Facebook means every page of the app, not the one that asked.
    """

    kind: Kind
    code: str
    message: str
    hint: str
    page_status: str = ""
    wait_seconds: float = 0.0
    pauses_page: bool = False
    slows_app: bool = False


RECONNECT = "Give the page a new access token; messages that wait then go out."
TRIED = "One message is tried after 30 minutes, then less often, up to every 4 hours."
UNKNOWN_HINT = "The conversation is being looked at; nothing is sent again by itself."
WAIT_FOR_THEM = "Nothing to do: when the contact writes again, the automation looks at them anew."

RATE = Verdict(
    Kind.LATER, "rate_limited", "Facebook asks the page to send more slowly.",
    "It goes on by itself. If this is frequent, lower the page's messages a minute.",
    pauses_page=True,
)  # fmt: skip
APP_RATE = Verdict(
    Kind.LATER, "rate_limited", "Facebook asks the app to send more slowly, whatever the page.",
    "It goes on by itself, and no page is written to before. If this is frequent, lower the pages' "
    "messages a minute.",
    wait_seconds=15, pauses_page=True, slows_app=True,
)  # fmt: skip
ELSEWHERE = Verdict(
    Kind.LATER,
    "thread_taken",
    "Another app or Messenger's own assistant holds this conversation.",
    "It is tried again every half hour. To go on at once, let the other app release the "
    "conversation, or end it in the page's inbox.",
    wait_seconds=1800,
)
UNCLEAR = Verdict(
    Kind.UNKNOWN, "outcome_unknown", "Facebook reported an error and may have sent the message.",
    UNKNOWN_HINT,
)  # fmt: skip
MAYBE_FORBIDDEN = Verdict(
    Kind.UNKNOWN, "outcome_unknown",
    "Facebook reported an error and may have sent the message; a missing permission can cause it.",
    f"{UNKNOWN_HINT} Check that the app has pages_messaging for this page. {TRIED}",
    page_status="restricted",
)  # fmt: skip
UNLISTED = Verdict(
    Kind.UNKNOWN, "outcome_unknown", "Facebook reported an error that its list does not have.",
    UNKNOWN_HINT,
)  # fmt: skip
WINDOW = Verdict(
    Kind.SKIP,
    "window_closed",
    "Facebook did not take the message: the 24 hours after the contact's last one are over.",
    WAIT_FOR_THEM,
)
AWAY = Verdict(
    Kind.FINAL, "contact_unavailable", "This person cannot receive messages now.",
    "They may have blocked the page or closed their account; only they can change that.",
)  # fmt: skip
NOBODY = Verdict(
    Kind.FINAL, "no_such_contact", "Facebook knows no such person on this page.",
    "Check the contact's sender id; it must be the page-scoped id (PSID) of this page.",
)  # fmt: skip
OPTED_OUT = Verdict(
    Kind.FINAL, "opted_out", "The contact stopped these messages.", "Do not write to them again."
)
BOTHERSOME = Verdict(
    Kind.FINAL, "too_many_messages", "Facebook says this contact got too many messages.",
    "Write less often: raise the automation's waiting time. Facebook may stop a page that goes on.",
)  # fmt: skip
DUPLICATE = Verdict(
    Kind.FINAL, "duplicate", "Facebook says this message was sent before.",
    "Look at the conversation before you retry.",
)  # fmt: skip
NOT_ACCEPTED = Verdict(
    Kind.FINAL, "not_accepted", "Facebook did not accept the message.",
    "Look at the message and the contact's sender id, then retry.",
)  # fmt: skip
TOKEN = Verdict(
    Kind.PAGE, "token_invalid", "Facebook does not accept the page's access any more.",
    RECONNECT, page_status="token_invalid",
)  # fmt: skip
EXPIRED = Verdict(
    Kind.PAGE, "token_expired", "The page's access to Facebook has expired.",
    RECONNECT, page_status="token_invalid",
)  # fmt: skip
CHECKPOINT = Verdict(
    Kind.PAGE, "token_checkpoint", "Facebook wants the person who connected the page to log in.",
    f"Log in on facebook.com and follow what it asks. {RECONNECT}", page_status="token_invalid",
)  # fmt: skip
PERMISSION = Verdict(
    Kind.PAGE, "permission_missing", "The page's permission to send messages is missing.",
    f"Give the app pages_messaging for this page. {RECONNECT}", page_status="token_invalid",
)  # fmt: skip
RESTRICTED = Verdict(
    Kind.PAGE, "page_restricted", "Facebook does not let this page send for now.",
    f"See Page Quality in Meta Business Suite. {TRIED}",
    page_status="restricted",
)  # fmt: skip
NEEDS_ADMIN = Verdict(
    Kind.PAGE, "terms_not_accepted", "An admin of the page has not accepted Facebook's terms.",
    f"Accept the terms in the page's Messenger settings. {TRIED}", page_status="restricted",
)  # fmt: skip

# Subcodes are unique among these errors, and say more than the code: 200/1545041 is the contact's
# problem, plain 200 the page's.
BY_SUBCODE: dict[int, Verdict] = {
    33: NOBODY,
    99: MAYBE_FORBIDDEN,
    458: TOKEN,
    459: CHECKPOINT,
    460: TOKEN,
    463: EXPIRED,
    467: TOKEN,
    1357046: UNCLEAR,
    1545041: AWAY,
    1893015: OPTED_OUT,
    1893061: NOT_ACCEPTED,
    1893063: RESTRICTED,
    2018001: NOBODY,
    2018028: PERMISSION,
    2018065: WINDOW,
    2018108: AWAY,
    2018278: WINDOW,
    2018300: ELSEWHERE,
    2018321: ELSEWHERE,
    2018338: BOTHERSOME,
    2018344: NEEDS_ADMIN,
    2018352: BOTHERSOME,
    2534022: WINDOW,
    2534029: RESTRICTED,
    2534040: RATE,
    2534122: RESTRICTED,
}
BY_CODE: dict[int, Verdict] = {
    1: UNCLEAR,
    2: UNCLEAR,
    4: APP_RATE,
    9: BOTHERSOME,
    10: PERMISSION,
    17: RATE,
    32: RATE,
    100: NOT_ACCEPTED,
    102: TOKEN,
    190: TOKEN,
    **dict.fromkeys(range(200, 300), PERMISSION),
    341: APP_RATE,
    368: RESTRICTED,
    506: DUPLICATE,
    551: AWAY,
    613: RATE,
    1200: UNCLEAR,
    2022: RESTRICTED,
    80006: RATE,
    2018300: ELSEWHERE,
    2018321: ELSEWHERE,
}


def classify(error: GraphError) -> Verdict:
    """Subcode first, then code; the HTTP status says nothing (Meta's list, 2026-06-25).

    Of an error that is not in the list nobody knows whether the message went out before it.
    """
    if error.code == 100 and "no matching user" in error.message.lower():
        return NOBODY
    return BY_SUBCODE.get(error.subcode) or BY_CODE.get(error.code) or UNLISTED


def describe(error: GraphError, verdict: Verdict) -> str:
    """The verdict's sentence with Facebook's numbers, so that it can be looked up."""
    wordless = verdict in (NOT_ACCEPTED, UNLISTED)
    own_words = f": {error.message}" if wordless and error.message else ""
    return f"{verdict.message} (Facebook error {numbers_of(error)}{own_words})"


def numbers_of(error: GraphError) -> str:
    """Code and subcode as Meta's list writes them: 190/463."""
    return f"{error.code}/{error.subcode}" if error.subcode else f"{error.code}"
