"""This file is where reads are measured, in the large database and in one a tenth of its size."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench._cluster import Connection, as_person, as_worker, become
from bench._plans import findings, plans_of
from bench._timing import Line, line_of_ratio, line_of_times, timed
from local.postgres import Postgres

WARM_UP = 5


def key(name: str) -> str:
    """The id that fill/ gives to what is called `name`: "rule 1", "tenant 3"."""
    return str(uuid.UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()))


def owner_of(rule: int) -> str:
    """The tenant to whom rule `rule` belongs."""
    return key(f"tenant {(rule - 1) // 10 + 1}")


@dataclass(frozen=True)
class Read:
    """A query of the dashboard, asked of one rule after the other, as its owner."""

    what: str
    query: str
    at_most: float | None = None
    growth: float | None = None
    share: float = 1

    def measure(self, postgres: Postgres, small: str, large: str, repetitions: int) -> list[Line]:
        """Its times at both sizes, taken in turn, and what it read."""
        times: dict[str, list[float]] = {small: [], large: []}
        rounds = max(int(repetitions * self.share), 2)
        connections = {name: as_person(postgres, name, owner_of(1)) for name in times}
        for number in range(WARM_UP + rounds):
            for name, connection in connections.items():
                times[name].append(self._ask(connection, number % 100 + 1))
        for connection in connections.values():
            connection.close()
        for taken in times.values():
            del taken[:WARM_UP]
        growth = median(times[large]) / median(times[small])
        plans = plans_of(postgres, large, "authenticated", self.query, [key("rule 7")], owner_of(7))
        return [
            line_of_times(self.what, times[large], self.at_most),
            line_of_ratio("  compared with a tenth of the data", growth, self.growth),
            line_of_plans(findings(plans)),
        ]

    def _ask(self, connection: Connection, rule: int) -> float:
        become(connection, owner_of(rule))
        return timed(
            lambda: connection.execute(self.query.encode(), [key(f"rule {rule}")]).fetchall()
        )


def measure_all_rules(postgres: Postgres, database: str, repetitions: int) -> Line:
    """The numbers of every automation at once: no tenant's view, so with the worker's rights."""
    query = b"select * from public.automation_live_stats"
    with as_worker(postgres, database) as connection:
        times = [
            timed(lambda: connection.execute(query).fetchall())
            for _ in range(WARM_UP + max(repetitions // 10, 2))
        ]
    return line_of_times("live stats of all automations", times[WARM_UP:])


def line_of_plans(found: Sequence[str]) -> Line:
    """What the plans read that they should not."""
    what = "  reads the history, or all contact states"
    return Line(what, ", ".join(found) or "no", "", "no", not found)
