"""This file is where times are taken, set against their bars, and told in one table."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median, quantiles

HEADS = ("what", "median", "p95", "least", "bar", "")


def timed(work: Callable[[], object]) -> float:
    """How many milliseconds `work` took."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


@dataclass(frozen=True)
class Line:
    """One row of the table; `is_met` is None where there is no bar."""

    what: str
    value: str
    p95: str = ""
    bar: str = ""
    is_met: bool | None = None
    least: str = ""

    @property
    def verdict(self) -> str:
        """What stands in the last column."""
        return {None: "", True: "met", False: "NOT MET"}[self.is_met]

    def cells(self) -> tuple[str, ...]:
        """The row, as it is printed."""
        return (self.what, self.value, self.p95, self.least, self.bar, self.verdict)


def line_of_times(what: str, times: list[float], at_most: float | None = None) -> Line:
    """Median and p95 of `times`; the bar is for the median."""
    middle = median(times)
    return Line(
        what,
        f"{middle:.2f} ms",
        f"{p95(times):.2f} ms",
        "" if at_most is None else f"<= {at_most:g} ms",
        None if at_most is None else middle <= at_most,
        # What it takes when nobody else uses the machine, or nearly so.
        f"{min(times):.2f} ms",
    )


def line_of_ratio(what: str, ratio: float, at_most: float | None = None) -> Line:
    """A time as a multiple of another."""
    bar = "" if at_most is None else f"<= {at_most:g} x"
    return Line(what, f"{ratio:.3f} x", "", bar, None if at_most is None else ratio <= at_most)


def p95(times: list[float]) -> float:
    """The time that one of twenty exceeds."""
    return quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def table(lines: Iterable[Line], heads: tuple[str, ...] = HEADS) -> str:
    """The lines as plain text, in columns."""
    rows = [heads, *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
