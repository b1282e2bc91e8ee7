"""This file is where Facebook's conversations show what was sent only after a while."""

from pipeline.looks import EXACT_ENOUGH
from tests.builders import Row
from tests.faults.judge import WINDOW_SECONDS, Verdict
from tests.faults.kills import wait_and_judge
from tests.faults.town import LEASE_SECONDS, Town

# Longer than the first looks wait, and a good deal less than the last.
LAG_SECONDS = LEASE_SECONDS * 1.25
EACH = 20


async def late_threads(town: Town) -> tuple[int, Verdict]:
    """Every answer is lost, and for seconds no look finds what arrived; one page shows it never."""
    late, never = town.rules(4), town.rules(1)
    for rules, seconds in ((late, LAG_SECONDS), (never, 3600.0)):
        town.queue(rules, EACH * len(rules))
        for recipient in recipients(town, rules):
            about = {"recipient": recipient, "times": 1000}
            town.facebook.fault("facebook", "reset-after-accept", **about)
            town.facebook.fault("facebook", "late-thread", call="read", seconds=seconds, **about)
    hands = [await town.hand(), await town.hand()]
    verdict = await wait_and_judge(town, late + never)
    looks = sum(hand.gate.calls.get("facebook:read", 0) for hand in hands)
    town.facebook.reset()
    wanted = {"sent": EACH * len(late), "failed/outcome_unknown": EACH * len(never)}
    if dict(verdict.ends) != wanted:
        verdict.wrong.append(f"wanted {wanted}")
    if verdict.delivered != verdict.contacts:
        verdict.wrong.append(f"{verdict.delivered} of {verdict.contacts} were delivered")
    verdict.want(looks, 2 * verdict.contacts, "looks at conversations")
    if looks > 4 * verdict.contacts:
        verdict.wrong.append(f"{looks} looks for {verdict.contacts} messages")
    soonest = given_up(town, never)
    verdict.ends[f"{looks} looks, none given up before {soonest:.1f} s"] = 0
    if soonest < WINDOW_SECONDS * EXACT_ENOUGH:
        verdict.wrong.append(f"given up after {soonest:.1f} s")
    return looks, verdict


def recipients(town: Town, rules: list[Row]) -> list[str]:
    """Whom these automations write to."""
    found = town.rows(
        "select c.sender_id from public.contacts as c"
        " inner join public.ai_automation_rules as r on r.page_id = c.page_id"
        " where r.id = any(%s)",
        [rule["id"] for rule in rules],
    )
    return [row["sender_id"] for row in found]


def given_up(town: Town, rules: list[Row]) -> float:
    """How old the first of these tries was that was given up, in seconds."""
    [row] = town.rows(
        "select extract(epoch from min(finished_at - started_at)) as age"
        " from public.ai_automation_attempts where rule_id = any(%s)",
        [rule["id"] for rule in rules],
    )
    return float(row["age"])
