"""This file is where a long download is measured: `python -m bench.export --help`."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench._timing import Line, table
from bench._watched import Watched, watched

ROWS = 1_000_000
MOST_MB = 50
FILL = """
    insert into public.ai_automation_attempts (
        user_id, state_id, rule_id, contact_id, page_id, follow_up, outcome, message, ai_model,
        tokens_in, tokens_out, generation_time_ms, facebook_message_id, worker, started_at,
        finished_at
    )
    select
        s.user_id, s.id, s.rule_id, s.contact_id, r.page_id, 1, 'retry', s.said || n, 'gemini',
        800, 60, 900, 'm_' || n, 'worker-0', now() - n * interval '2.5 seconds', now()
    from (
        select t.*, row_number() over (order by t.id) - 1 as place, count(*) over () as people,
            repeat('See you on Saturday! Was the cake as good as you had hoped? ', 3) as said
        from public.ai_automation_contact_states as t where t.rule_id = %s
    ) as s
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join generate_series(1, %s) as n on n %% s.people = s.place
"""


def main() -> int:
    """0 when every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.export", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="tries to send in the history")
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, no more")
    wanted, _ = parser.parse_known_args()
    rows = 5_000 if wanted.quick else wanted.rows
    with watched() as here:
        fill(here, rows)
        lines = list(measure(here, rows))
    sys.stdout.write(f"\nThe download of {rows:,} tries to send:\n\n{table(lines)}\n")
    missed = [line.what.strip() for line in lines if line.is_met is False]
    sys.stdout.write(f"\nNOT MET: {'; '.join(missed)}\n" if missed else "\nEvery bar is met.\n")
    return bool(missed)


def fill(here: Watched, rows: int) -> None:
    """Tries to send of the watcher's hundred contacts, over as many days as they take."""
    here.world.rows("select public.make_history_days(current_date - 30, current_date)")
    here.world.connection.execute(FILL.encode(), [here.rule["id"], rows])
    here.world.connection.execute("analyze public.ai_automation_attempts")


def measure(here: Watched, rows: int) -> Iterator[Line]:
    """What the dashboard's process needs on top of what it had, as the kernel counts it."""
    process = here.dashboard_pid()
    before = memory_mb(process, "VmRSS")
    Path(f"/proc/{process}/clear_refs").write_text("5")  # the peak counts from here
    started = time.monotonic()
    lines, size = download(here)
    took = time.monotonic() - started
    grew = memory_mb(process, "VmHWM") - before
    yield Line("lines, heading included", f"{lines:,}", "", f"{rows + 1:,}", lines == rows + 1)
    bar = f"<= {MOST_MB} MB"
    yield Line("dashboard's memory, growth", f"{grew:.1f} MB", "", bar, grew <= MOST_MB)
    yield Line("size", f"{size / 1e6:,.0f} MB")
    yield Line("time", f"{took:,.0f} s")


def download(here: Watched) -> tuple[int, int]:
    """How many lines and bytes came; raises when the answer broke off."""
    lines = size = 0
    headers = {"Cookie": here.cookie}
    address = f"{here.stack.dashboard_url}/history.csv"
    with httpx.stream("GET", address, headers=headers, timeout=60, trust_env=False) as answer:
        answer.raise_for_status()
        for part in answer.iter_bytes():
            lines += part.count(b"\r\n")
            size += len(part)
    return lines, size


def memory_mb(process: int, field: str) -> float:
    """VmRSS, what it has, or VmHWM, the most it had."""
    status = Path(f"/proc/{process}/status").read_text()
    kilobytes = next(line for line in status.splitlines() if line.startswith(field)).split()[1]
    return int(kilobytes) / 1024


if __name__ == "__main__":
    sys.exit(main())
