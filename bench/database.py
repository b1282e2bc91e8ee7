"""This file is where the database's speed is measured: `python -m bench.database --help`."""

import argparse
import sys
from collections.abc import Iterator

from bench._bookkeeping import weigh
from bench._claiming import measure_claims
from bench._cluster import thrown_away
from bench._filling import Size, fill
from bench._reading import Read, measure_all_rules
from bench._timing import Line, table
from local.postgres import Postgres

SHARE = 10
REPETITIONS = 300
READS = (
    Read(
        "stage cards of one automation",
        "select * from public.automation_stage_summary where rule_id = %s",
        at_most=5,
        growth=1.2,
    ),
    Read(
        "live stats of one automation",
        "select * from public.automation_live_stats where rule_id = %s",
    ),
    Read(
        "monitor of one automation, 100 cards",
        "select public.monitor_snapshot(%s)",
        at_most=15,
    ),
    Read(
        "dry run of one automation",
        "select public.dry_run(%s)",
        at_most=5000,
        share=0.03,
    ),
)


def main() -> int:
    """0 when every bar is met."""
    wanted = _arguments()
    large = Size(wanted.contacts, wanted.events, wanted.days)
    lines = []
    with thrown_away() as postgres:
        for line in _measure(postgres, large, wanted.repetitions):
            _say(table([line]).splitlines()[-1])
            lines.append(line)
    sys.stdout.write(f"\nWith {large}:\n\n{table(lines)}\n")
    missed = [line.what.strip() for line in lines if line.is_met is False]
    sys.stdout.write(f"\nNOT MET: {'; '.join(missed)}\n" if missed else "\nEvery bar is met.\n")
    return bool(missed)


def _measure(postgres: Postgres, large: Size, repetitions: int) -> Iterator[Line]:
    for name, size in (("small", large // SHARE), ("large", large)):
        _say(f"filled with {size} in {fill(postgres, name, size):.0f} s")
    for read in READS:
        yield from read.measure(postgres, "small", "large", repetitions)
    yield measure_all_rules(postgres, "large", repetitions)
    _say("reads measured")
    yield from measure_claims(postgres, "large", max(repetitions // 10, 3))
    _say("claims measured")
    yield from weigh(postgres, 1, repetitions, at_most=1.05)
    yield from weigh(postgres, 10, repetitions // 3, at_most=None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.database", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000, help="of 100 automations")
    parser.add_argument("--events", type=int, default=10_000_000, help="of their history")
    parser.add_argument("--days", type=int, default=7, help="of per-minute rows")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, no more")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.contacts, wanted.events, wanted.days, wanted.repetitions = 10_000, 50_000, 0, 3
    return wanted


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
