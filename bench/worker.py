"""This file is where the worker's speed is measured beside its peers': `python -m bench.worker`."""

import argparse
import sys
from pathlib import Path

from bench._cluster import thrown_away
from bench._entrants import Peers, queue, run_ours
from bench._racing import Result
from bench._recorded import recorded, told
from bench._timing import Line, table

BAR = 8.0
AT_ONCE = (20, 50, 100)
WORDS = """
Everybody works with the same PostgreSQL, whose commits are on the disk. The peers run as their
documentation shows, one job a contact, a commit for a move over their own connections, and are
told at their best of {at_once} jobs at once; ours moves many contacts in one call, through
supabase-py and the gateway: that, and not less recording, is what the first table measures.
The bar asks for the same work, so it stands there. The second table is NOT the same work: ours
records all that Stagelight keeps, the peers two narrow rows a move, and against those it is not
eight times. Both, and why: docs/decisions/0041 and 0025.

Every row was compared after every peer's run, clocks and random ids aside:
"""


def main() -> int:
    """0 when the bar is met; 1 when it is missed or there was no peer to compare with."""
    wanted = _arguments()
    with thrown_away() as postgres:
        peers = Peers(postgres, wanted.peers, wanted.peer_contacts, wanted.at_once)
        names = peers.names()
        for count in {wanted.contacts, *map(peers.contacts_of, names)}:
            queue(postgres, count)
        references = {}
        for count in set(map(peers.contacts_of, names)):
            run_ours(postgres, f"reference_{count}", 1, count)
            references[count] = recorded(postgres, f"reference_{count}")
        same = [peers.run_same(name, references) for name in names]
        narrow = [peers.run_narrow(name) for name in names]
        ours = [
            run_ours(postgres, f"ours_{workers}", workers, wanted.contacts) for workers in (1, 2, 4)
        ]
    met, lines = _against(same, ours, BAR)
    sys.stdout.write(
        f"\nSix recorded moves for a contact, everybody records the same:\n\n{lines}\n"
    )
    _, lines = _against(narrow, ours, 0)
    sys.stdout.write(f"\nThe same, but the peers record two narrow tables only:\n\n{lines}\n")
    at_once = ", ".join(map(str, wanted.at_once))
    if names:
        sys.stdout.write(WORDS.format(at_once=at_once) + told(references))
    return 0 if met else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.worker", description=__doc__)
    parser.add_argument("--contacts", type=int, default=20_000, help="for our worker")
    parser.add_argument("--peer-contacts", type=int, default=2_000, help="for each peer")
    parser.add_argument("--at-once", type=int, nargs="+", default=AT_ONCE, help="a peer's jobs")
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="PYTHON",
        help="the python of an environment with dbos, procrastinate, pgqueuer, oban, psycopg_pool",
    )
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, no more")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.contacts, wanted.peer_contacts, wanted.at_once = 400, 100, [20]
    return wanted


def _against(peers: list[Result], ours: list[Result], bar: float) -> tuple[bool, str]:
    """Whether ours is `bar` times the best peer, and the table; no bar: nothing is judged."""
    best = max((peer.per_second for peer in peers), default=0.0)
    ratio = max(own.per_second for own in ours) / best if best else 0.0
    met = bool(best) and ratio >= bar
    lines = [peer.line() for peer in peers] + [own.line(bar * best) for own in ours]
    verdict = (f"{bar:g} x", met) if bar else ("", None)
    lines.append(Line("ours, as a multiple of the best peer", f"{ratio:.1f} x", "", *verdict))
    return met, table(lines, ("what", "contacts", "each contact costs", "", "bar", ""))


if __name__ == "__main__":
    sys.exit(main())
