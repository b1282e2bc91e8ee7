"""This file is where cells of a downloaded file are shown to be text, never a formula."""

import csv
import io

import pytest

from pipeline.exported import cell, lines


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_what_a_spreadsheet_would_run_is_text(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"),
        ("a; @x\r\n+1\n-1\t=2", "a;' @x\r\n'+1\n'-1\t'=2"),
        ("\n=1", "'\n'=1"),
        (["vip", "=1+1"], "vip;'=1+1"),
    ],
)
def test_a_cell_that_begins_anew_where_the_separator_is_a_semicolon_is_text(
    told: str | list[str], written: str
) -> None:
    assert cell(told) == written


def test_everything_else_is_as_it_was() -> None:
    assert [cell(value) for value in (None, -5, 2.5, "", "a=b", ["x", "y"], "Bye ;-)")] == [
        *("", "-5", "2.5", "", "a=b", "x;y", "Bye ;-)")
    ]


def test_quotes_commas_and_line_breaks_survive() -> None:
    row = ['say "hi", then\nleave', "محمد", "'=1"]

    assert list(csv.reader(io.StringIO(lines([row]), newline=""))) == [row]
