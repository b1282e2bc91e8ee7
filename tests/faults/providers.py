"""This file is where Google and Facebook do everything wrong that the fault matrix lists."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.builders import Row
from tests.faults.judge import Verdict
from tests.faults.kills import wait_and_judge
from tests.faults.town import Town

EACH = 6


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that every one of `EACH` contacts meets `times` times, and how they may end."""

    kind: str
    ends: frozenset[str]
    times: int = 1
    delivered: int = EACH
    most: int = 0
    """Of `delivered` or more, where several may be under way when the first is answered."""


def ends(*names: str) -> frozenset[str]:
    return frozenset(names)


SENT = ends("sent")
# What concerns one contact only: all of these happen in one town at the same time.
GOOGLE = (
    Fault("internal", SENT),
    Fault("unavailable", SENT),
    Fault("bad-gateway", SENT),
    Fault("reset-before", SENT),
    Fault("slow", SENT),
    Fault("rate-limit", SENT),
    Fault("empty", SENT),
    Fault("malformed", SENT),
    Fault("placeholder", SENT),
    Fault("unshaped", SENT),
    Fault("blocked", ends("failed/ai_blocked"), delivered=0),
    Fault("prompt-blocked", ends("failed/ai_blocked"), delivered=0),
    Fault("max-tokens", ends("failed/ai_empty"), times=2, delivered=0),
    Fault("refusal", ends("failed/text_refusal"), times=2, delivered=0),
    Fault("too-long", ends("failed/text_too_long"), times=2, delivered=0),
    Fault("huge", ends("failed/text_too_long"), times=2, delivered=0),
    Fault("link", ends("failed/text_link"), times=2, delivered=0),
    Fault("garbled", ends("failed/text_garbled"), times=2, delivered=0),
    Fault("wrong-language", ends("failed/text_language"), times=2, delivered=0),
    Fault("invalid-key", ends("failed/ai_key_refused"), delivered=0),
    Fault("no-such-model", ends("failed/ai_model_unknown"), delivered=0),
)
UNKNOWN = ends("failed/outcome_unknown")
FACEBOOK = (
    Fault("refuse-before", UNKNOWN, delivered=0),
    Fault("reset-before", UNKNOWN, delivered=0),
    Fault("bad-gateway", UNKNOWN, delivered=0),
    Fault("hang", UNKNOWN, delivered=0),
    Fault("accept-then-error", SENT),
    Fault("accept-then-garbage", SENT),
    Fault("accept-then-nested", SENT),
    Fault("wrong-recipient", SENT),
    Fault("reset-after-accept", SENT),
    Fault("hang-after-accept", SENT),
    Fault("slow", SENT),
    Fault("window-closed", ends("skipped"), delivered=0),
    Fault("unavailable", ends("failed/contact_unavailable"), delivered=0),
    Fault("no-matching-user", ends("failed/no_such_contact"), delivered=0),
)
# What stops a page: every one of these happens on a page of its own, and nobody is lost or failed.
# For a page that waits no more messages are written; Facebook's limit of the app holds all pages.
WAITING = ("eligible", "ready_to_send", "ready_to_send/provider_away")
PAGES = (
    # At 96 % the page pauses; what is under way then still arrives.
    Fault("usage-high", ends("sent", *WAITING), delivered=1, most=EACH),
    Fault("rate-limit", SENT),
    Fault("app-rate-limit", SENT),
    Fault("page-rate-limit", SENT),
    # Facebook asks for two minutes; who looks later than that sees the next message out.
    Fault(
        "business-rate-limit",
        ends("ready_to_send/rate_limited", "sent", *WAITING),
        delivered=0,
        most=EACH,
    ),
    Fault("token-expired", ends("ready_to_send/token_expired", *WAITING), delivered=0),
    Fault("token-invalid", ends("ready_to_send/token_invalid", *WAITING), delivered=0),
    Fault("permission", ends("ready_to_send/permission_missing", *WAITING), delivered=0),
    Fault("page-restricted", ends("ready_to_send/page_restricted", *WAITING), delivered=0),
    Fault("policy-block", ends("ready_to_send/page_restricted", *WAITING), delivered=0),
    Fault("commerce-disabled", ends("ready_to_send/page_restricted", *WAITING), delivered=0),
    Fault("thread-taken", ends("ready_to_send/thread_taken"), times=EACH, delivered=0),
)


HEARD = (
    "insert into public.contact_messages (user_id, contact_id, direction, body)"
    " select user_id, id, 'in', 'How much is a cake?' from public.contacts where page_id = %s"
    " returning id"
)


async def google(town: Town) -> tuple[int, Verdict]:
    """Every fault of the AI that is one contact's, at the same time."""
    rules = town.rules(len(GOOGLE))
    for rule, fault in zip(rules, GOOGLE, strict=True):
        town.queue([rule], EACH)
        if fault.kind == "wrong-language":
            town.rows(HEARD, rule["page_id"])
        for contact in contacts(town, rule):
            name = f"{fault.kind}{contact['number']}"
            rename(town, contact, name)
            meet(town, "google", fault, containing=f'"{name}"', seconds=1)
    await town.hand()
    await town.hand()
    verdict = await wait_and_judge(town, rules, 150)
    look_for_unmet(town, GOOGLE, verdict)
    compare(town, rules, GOOGLE, verdict)
    return EACH * len(GOOGLE), verdict


async def facebook(town: Town) -> tuple[int, Verdict]:
    """Every fault of Facebook that is one contact's, at the same time."""
    rules = town.rules(len(FACEBOOK))
    for rule, fault in zip(rules, FACEBOOK, strict=True):
        town.queue([rule], EACH)
        for contact in contacts(town, rule):
            meet(town, "facebook", fault, recipient=contact["sender_id"], seconds=1)
    await town.hand()
    await town.hand()
    verdict = await wait_and_judge(town, rules, 150)
    look_for_unmet(town, FACEBOOK, verdict)
    compare(town, rules, FACEBOOK, verdict)
    return EACH * len(FACEBOOK), verdict


async def pages(town: Town) -> tuple[int, Verdict]:
    """Every fault that is a whole page's: nobody behind it is lost, one alert is given."""
    rules = town.rules(len(PAGES))
    for rule, fault in zip(rules, PAGES, strict=True):
        town.queue([rule], EACH)
        # One is limited and the page waits; of what stops a page, everybody would meet it.
        limited = fault.kind in LIMITS
        for contact in contacts(town, rule)[: 1 if limited else EACH]:
            meet(town, "facebook", fault, recipient=contact["sender_id"])
    for _ in range(2):
        # No call hangs here, and a page that waits is no matter of leases.
        await town.hand(lease_seconds=30)
    verdict = await wait_and_judge(town, rules, 120, waiting=True)
    # Whoever comes after the first finds the page stopped.
    look_for_unmet(town, PAGES, verdict, most_left=EACH - 1)
    compare(town, rules, PAGES, verdict)
    alerts = Counter(
        row["rule_page"]
        for row in town.rows(
            "select a.page_id as rule_page from public.ai_automation_audit as a"
            " where a.action = 'page_paused' and a.page_id = any(%s)",
            [rule["page_id"] for rule in rules],
        )
    )
    stopped = sum("token" in f.kind or f.kind in STOPPING for f in PAGES)
    if sorted(alerts.values()) != [1] * stopped:
        verdict.wrong.append(f"{dict(alerts)} alerts for {stopped} stopped pages")
    return EACH * len(PAGES), verdict


LIMITS = ("rate-limit", "app-rate-limit", "page-rate-limit")
STOPPING = ("permission", "page-restricted", "policy-block", "commerce-disabled")


def contacts(town: Town, rule: Row) -> list[Row]:
    """The contacts of the rule, numbered."""
    return town.rows(
        "select id, sender_id, row_number() over (order by id) as number"
        " from public.contacts where page_id = %s",
        rule["page_id"],
    )


def rename(town: Town, contact: Row, name: str) -> None:
    """Gives a contact a name that its AI call can be known by."""
    town.rows(
        "update public.contacts set sender_name = %s where id = %s returning id",
        name,
        contact["id"],
    )


def meet(town: Town, service: str, fault: Fault, **more: Any) -> None:
    """Asks the sandbox for the fault."""
    town.facebook.fault(service, fault.kind, times=fault.times, **more)


def look_for_unmet(
    town: Town, faults: tuple[Fault, ...], verdict: Verdict, most_left: int = 0
) -> None:
    """Adds to `verdict` every fault that no call has met; then everything works again."""
    waiting = Counter((fault["kind"], fault["times"]) for fault in town.facebook.faults())
    town.facebook.reset()
    for fault in faults:
        unmet = waiting[fault.kind, fault.times]
        if unmet > (0 if fault.kind in LIMITS else most_left):
            verdict.wrong.append(f"{fault.kind}: {unmet} were met by no call")


def compare(town: Town, rules: list[Row], faults: tuple[Fault, ...], verdict: Verdict) -> None:
    """Adds to `verdict` every fault after which contacts ended otherwise than they may."""
    for rule, fault in zip(rules, faults, strict=True):
        rows = town.rows(
            "select s.current_stage::text as stage, s.error_code, c.sender_id"
            " from public.ai_automation_contact_states as s"
            " inner join public.contacts as c on c.id = s.contact_id where s.rule_id = %s",
            rule["id"],
        )
        found = {
            f"{row['stage']}/{row['error_code']}" if row["error_code"] else row["stage"]
            for row in rows
        }
        ours = {row["sender_id"] for row in rows}
        got = sum(row["recipient_id"] in ours for row in town.facebook.messages())
        if not found <= fault.ends or not fault.delivered <= got <= max(
            fault.delivered, fault.most
        ):
            verdict.wrong.append(f"{fault.kind}: {sorted(found)}, {got} delivered")
