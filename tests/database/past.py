"""This file is where days of work are made up as raw rows, and counted the slow way."""

import random
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import ceil, log

from tests.builders import World, ago
from tests.database.acting import call

OPEN = ("sending", "unknown", "abandoned")
WHAT_MAY_COME = {
    "sending": ("sent", "failed", "retry", "unknown"),
    "unknown": ("sent", "failed", "abandoned"),
}


def bucket(seconds):
    return min(max(ceil(log(max(seconds, 0.01) / 0.01) / log(1.2)), 0), 110)


class Past:
    """Days that were: raw rows come in the order of a clock that the test moves."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)  # noqa: S311 - repeatable
        self.now = ago(days=3)
        self.owner = world.user()
        page = world.page(self.owner)
        self.rules = [world.rule(page) for _ in range(2)]
        self.tries: list[dict] = []
        self.states = [
            world.insert(
                "public.ai_automation_contact_states",
                **{"user_id": self.owner["id"], "rule_id": rule["id"], "page_id": page["id"]},
                **{"contact_id": world.contact(page)["id"], "current_stage": "sent"},
            )
            for rule in self.rules
            for _ in range(4)
        ]
        # What setting this up has written down is of today, not of that time.
        world.connection.execute("delete from public.ai_automation_stage_minutes")

    def pass_time(self):
        self.now += timedelta(seconds=self.random.choice((1, 30, 400, 4000)))

    def roll_up(self, limit=0, until=None):
        limit = limit or self.random.choice((1, 3, 50))
        [row] = call(self.world.connection, "roll_up", p_limit=limit, p_now=until or self.now)
        return row["roll_up"]

    def catch_up(self):
        for minutes in (2, 4, 6):
            while self.roll_up(100, self.now + timedelta(minutes=minutes))["more"]:
                pass

    def roll_up_and_die(self):
        with self.world.connection.transaction(force_rollback=True):
            self.roll_up()

    def try_to_send(self):
        state = self.random.choice(self.states)
        mine = [t for t in self.tries if t["state_id"] == state["id"]]
        if any(t["outcome"] in ("sending", "unknown") for t in mine):
            return
        again = bool(mine) and mine[-1]["outcome"] == "retry"
        sent = sum(t["outcome"] == "sent" for t in mine)
        written = (
            mine[-1]["written"]
            if again
            else {
                "ai_model": self.random.choice(("a", "b", None)),
                "tokens_in": self.random.randrange(2000),
                "tokens_out": self.random.choice((None, 70)),
                "cost_usd": self.random.choice((None, 0.001234)),
                "generation_time_ms": self.random.randrange(1, 20_000),
                "run_id": uuid.uuid4(),
            }
        )
        row = self.world.insert(
            "public.ai_automation_attempts",
            **{name: state[name] for name in ("user_id", "rule_id", "contact_id", "page_id")},
            **{"state_id": state["id"], "follow_up": sent + 1, "worker": "w"},
            **{"started_at": self.now, **written},
        )
        self.tries.append({**row, "written": written, "first": not again})

    def hear_of_a_try(self):
        for told in self.random.sample(self.tries, min(3, len(self.tries))):
            if told["outcome"] not in WHAT_MAY_COME:
                continue
            told["outcome"] = self.random.choice(WHAT_MAY_COME[told["outcome"]])
            told["error_code"] = None if told["outcome"] == "sent" else "rate_limited"
            self.world.connection.execute(
                "update public.ai_automation_attempts set outcome = %s, error_code = %s"
                " where id = %s",
                [told["outcome"], told["error_code"], told["id"]],
            )

    def hear_from_a_contact(self):
        state = self.random.choice(self.states)
        early = timedelta(seconds=self.random.choice((0, 0, 300)))
        self.world.insert(
            "public.contact_messages",
            **{"user_id": self.owner["id"], "contact_id": state["contact_id"]},
            **{"direction": self.random.choice(("in", "in", "out")), "body": "hello"},
            said_at=self.now - early,
        )

    def move_contacts(self):
        self.world.connection.execute(
            "insert into public.ai_automation_stage_minutes as m"
            " (user_id, rule_id, stage, minute, bucket, shard, entered, passed)"
            " values (%s, %s, %s, date_trunc('minute', %s::timestamptz), %s, %s, %s, %s)"
            " on conflict (rule_id, minute, stage, bucket, shard) do update"
            " set entered = m.entered + excluded.entered, passed = m.passed + excluded.passed",
            [
                *(self.owner["id"], self.random.choice(self.rules)["id"]),
                *(self.random.choice(("queued", "generating", "skipped")), self.now),
                *(self.random.choice((0, 9, 40)), self.random.randrange(2)),
                *(self.random.randrange(3), self.random.randrange(3)),
            ],
        )

    def truth(self):
        """(automation, kind, key, number, quarter of an hour) -> how many."""
        found: Counter = Counter()

        def add(row, moment, kind, key, number, amount):
            quarter = int(moment.timestamp()) // 900
            found[row["rule_id"], kind, key, number, quarter] += amount

        for row in self.world.rows("select * from public.ai_automation_stage_minutes"):
            about = (row, row["minute"])
            add(*about, "entered", row["stage"], 0, row["entered"])
            add(*about, "left", row["stage"], 0, row["passed"])
            if row["stage"] != "skipped":
                add(*about, "stayed", row["stage"], row["bucket"], row["passed"])
        for row in self.tries:
            about = (row, row["started_at"])
            code = "outcome_unknown" if row["outcome"] in OPEN else row["error_code"] or ""
            kind = {"sent": "sent", "retry": "retried", "sending": ""}.get(row["outcome"], "failed")
            if kind:
                add(*about, kind, code, row["follow_up"] * (kind != "retried"), 1)
            if row["outcome"] == "sent" and self.was_replied_to(row):
                add(*about, "replied", "", row["follow_up"], 1)
            if row["first"]:
                model, unpriced = row["ai_model"] or "", row["cost_usd"] is None
                add(*about, "messages", model, 0, 1)
                add(*about, "ai_time", model, bucket(row["generation_time_ms"] / 1000), 1)
                add(*about, "tokens_in", model, 0, row["tokens_in"])
                add(*about, "tokens_out", model, 0, row["tokens_out"] or 0)
                add(*about, "cost", model, 0, 0 if unpriced else 1234)
                add(*about, "unpriced", model, 0, int(unpriced))
                add(*about, "unpriced_in", model, 0, unpriced * row["tokens_in"])
                add(*about, "unpriced_out", model, 0, unpriced * (row["tokens_out"] or 0))
        return +found

    def was_replied_to(self, row):
        later = [
            t["started_at"]
            for t in self.tries
            if t["state_id"] == row["state_id"]
            and t["outcome"] in ("sent", "sending", "unknown")
            and t["started_at"] > row["started_at"]
        ]
        heard = self.world.rows(
            "select said_at from public.contact_messages where contact_id = %s"
            " and direction = 'in' and said_at > %s and said_at < %s",
            *(
                row["contact_id"],
                row["started_at"],
                min(later, default=self.now + timedelta(days=1)),
            ),
        )
        return bool(heard)

    def figures(self, scope="rule_id"):
        """The same of what was rolled up, running sums taken apart."""
        found: Counter = Counter()
        for row in self.world.rows("select * from public.ai_automation_figures"):
            day = int(datetime.combine(row["day"], datetime.min.time(), UTC).timestamp()) // 900
            before = 0
            for quarter, upto in enumerate(row["upto"]):
                if upto != before:
                    place = (row["scope_id"], row["kind"], row["key"], row["number"], day + quarter)
                    found[place] += upto - before
                    before = upto
        return found
