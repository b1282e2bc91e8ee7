"""This file is where there are many: contacts, schedulers, workers on one page, failing calls."""

import asyncio
import statistics
import time
from collections import Counter
from datetime import datetime

import httpx

from tests.builders import Row
from tests.faults.judge import Verdict, settle_down
from tests.faults.kills import wait_and_judge
from tests.faults.providers import contacts
from tests.faults.town import Town

RATE_PER_SECOND = 10


async def two_schedulers(town: Town, slots: int) -> tuple[int, Verdict]:
    """Two workers and two more callers plan the same automations: one run a slot."""
    rules = town.rules(slots)
    for rule in rules:
        town.world.contact({"id": rule["page_id"], "user_id": rule["user_id"]})
    ids = [rule["id"] for rule in rules]
    town.rows(
        "update public.ai_automation_rules set next_run_at = now(), run_every_minutes = 1440"
        " where id = any(%s) returning id",
        ids,
    )
    await town.hand()
    await town.hand()
    headers = {"apikey": town.secret_key, "Authorization": f"Bearer {town.secret_key}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=30) as http:
        address = f"{town.gateway_url}/rest/v1/rpc/enqueue_due_contacts"
        for answer in await asyncio.gather(*(http.post(address, json={}) for _ in range(8))):
            answer.raise_for_status()
    verdict = await wait_and_judge(town, rules)
    runs = Counter(
        row["rule_id"]
        for row in town.rows(
            "select rule_id from public.ai_automation_runs where rule_id = any(%s)", ids
        )
    )
    if runs != Counter(ids):
        verdict.wrong.append(f"{sum(runs.values())} runs of {len(runs)} for {slots} slots")
    return slots, verdict


SENT_BY = "select distinct worker from public.ai_automation_attempts where rule_id = %s"


async def keep_the_rate(town: Town, seconds: int) -> tuple[int, Verdict]:
    """Four workers, one page that may send 10 a second: never more in any second."""
    rules = town.rules(1, rate=60 * RATE_PER_SECOND)
    town.queue(rules, RATE_PER_SECOND * seconds)
    for _ in range(4):
        await town.hand()
    verdict = await wait_and_judge(town, rules, 3 * seconds + 30)
    times = received_at(town, rules)
    most = most_in_a_second(times)
    pace = (len(times) - 1) / (times[-1] - times[0])
    verdict.ends[f"at most {most} in a second, {pace:.1f}/s on average"] += 0
    verdict.want(len(town.rows(SENT_BY, rules[0]["id"])), 4, "workers sent something")
    if most > RATE_PER_SECOND:
        verdict.wrong.append(f"{most} in one second")
    if pace < RATE_PER_SECOND / 2:
        verdict.wrong.append(f"only {pace:.1f}/s")
    return len(times), verdict


async def slow_down(town: Town, seconds: int) -> tuple[int, Verdict]:
    """Two pages of one rate; Facebook tells one of them that 80 % of its limits are used."""
    rules = town.rules(2, rate=60 * RATE_PER_SECOND)
    town.queue(rules, 2 * RATE_PER_SECOND * seconds)
    for person in contacts(town, rules[0]):
        town.facebook.fault("facebook", "usage-80", times=9, recipient=person["sender_id"])
    for _ in range(2):
        await town.hand()
    verdict = await wait_and_judge(town, rules, 3 * seconds + 30)
    town.facebook.reset()
    full, free = ([at for at in received_at(town, [rule])] for rule in rules)
    # Until the first answer is heard, nobody knows.
    slowed = most_in_a_second([at for at in full if at > full[0] + 2])
    most = most_in_a_second(free)
    verdict.ends[f"at most {slowed} in a second at 80 %, {most} at 3 %"] += 0
    if slowed > RATE_PER_SECOND * 3 // 4 or most > RATE_PER_SECOND or most <= slowed:
        verdict.wrong.append(f"{slowed} in a second at 80 %, {most} at 3 %")
    return len(full) + len(free), verdict


async def outage(town: Town, seconds: float) -> tuple[int, Verdict]:
    """Both providers are away: few calls, no tries used up, and all is caught up soon after.

    Facebook goes first, so that there are written messages for it to refuse.
    """
    written, unwritten = town.rules(4), town.rules(4)
    town.facebook.fault("facebook", "refuse-before", times=1_000_000)
    town.queue(written, 200)
    hands = [await town.hand(), await town.hand()]
    await settle_down(town, written, 10)
    town.facebook.fault("google", "unavailable", times=1_000_000)
    town.queue(unwritten, 200)
    await asyncio.sleep(seconds)
    calls = {
        point: sum(hand.gate.calls.get(point, 0) for hand in hands)
        for point in ("google", "facebook:send")
    }
    rules = written + unwritten
    [worst] = town.rows(
        "select max(attempt) as tries from public.ai_automation_contact_states"
        " where rule_id = any(%s)",
        [rule["id"] for rule in rules],
    )
    town.facebook.reset()
    ended = time.monotonic()
    verdict = await wait_and_judge(town, rules, 180)
    back = time.monotonic() - ended
    # Each worker has six calls under way when it learns of it, then tries again at 5, 10, 20, 40
    # and every 60 seconds.
    most = len(hands) * (12 + 5 + seconds / 60)
    asked_for_nothing = calls["google"] - len(hands) * 100
    verdict.ends[f"{calls['facebook:send']} sends in {seconds:.0f} s, back after {back:.0f} s"] = 0
    verdict.want(min(calls["facebook:send"], asked_for_nothing), 1, "calls met the outage")
    if calls["facebook:send"] > most or asked_for_nothing > most:
        verdict.wrong.append(f"{calls} calls in {seconds} s")
    if worst["tries"] > 1:
        verdict.wrong.append(f"a contact used up {worst['tries']} tries")
    if back > 120:
        verdict.wrong.append(f"back only after {back:.0f} s")
    return sum(calls.values()), verdict


async def backlog(town: Town, contacts: int) -> tuple[int, Verdict]:
    """A page with very many waiting: claims stay quick, and a small page is not kept waiting."""
    [big] = town.rules(1)
    town.queue([big], contacts)
    town.rows("select count(*) as n from public.ai_automation_contact_states")
    [small] = town.rules(1)
    await town.hand()
    await town.hand()
    await asyncio.sleep(2)
    town.queue([small], 10)
    started = time.monotonic()
    query = (
        "select count(*) as left from public.ai_automation_contact_states"
        " where rule_id = %s and current_stage not in ('sent', 'failed')"
    )
    while town.rows(query, small["id"])[0]["left"] and time.monotonic() - started < 60:
        await asyncio.sleep(0.2)
    waited = time.monotonic() - started
    claims = await _time_claims(town)
    town.rows("update public.ai_automation_rules set enabled = false where id = %s returning id",
              big["id"])  # fmt: skip
    verdict = await wait_and_judge(town, [small])
    verdict.want(len(claims), 40, "claims found somebody")
    p50, p99 = statistics.median(claims), sorted(claims)[int(len(claims) * 0.99)]
    verdict.ends[f"small page done in {waited:.1f} s, claim p50 {p50:.0f} p99 {p99:.0f} ms"] = 0
    if waited > 45:
        verdict.wrong.append(f"the small page waited {waited:.1f} s")
    return contacts, verdict


async def _time_claims(town: Town) -> list[float]:
    """Milliseconds of claims of 10 through the gateway, beside the workers."""
    headers = {"apikey": town.secret_key, "Authorization": f"Bearer {town.secret_key}"}
    body = {"p_stage": "queued", "p_worker": "timer", "p_limit": 10, "p_lease_seconds": 3}
    times = []
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as http:
        for _ in range(50):
            started = time.monotonic()
            answer = await http.post(f"{town.gateway_url}/rest/v1/rpc/claim_contacts", json=body)
            if answer.raise_for_status().json():
                times.append((time.monotonic() - started) * 1000)
    return times


def received_at(town: Town, rules: list[Row]) -> list[float]:
    """When Facebook received the messages of these automations, in seconds, ascending."""
    pages = {
        row["facebook_page_id"]
        for row in town.rows(
            "select facebook_page_id from public.facebook_pages where id = any(%s)",
            [rule["page_id"] for rule in rules],
        )
    }
    return sorted(
        datetime.fromisoformat(row["received_at"]).timestamp()
        for row in town.facebook.messages()
        if row["page_id"] in pages
    )


def most_in_a_second(times: list[float]) -> int:
    """The largest number of moments within any second."""
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most
