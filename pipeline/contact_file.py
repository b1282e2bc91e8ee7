"""This file is where a CSV file becomes rows of contacts, or a sentence why it cannot."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

COLUMNS = ("sender_id", "name", "tags", "time_zone", "last_message_at")
MAX_BYTES = 8 * 1024 * 1024
MAX_ROWS = 50_000
BATCH = 1000
EXAMPLE = "sender_id,name,tags,time_zone,last_message_at"

Contact = dict[str, object]


class FileError(Exception):
    """The file as a whole cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ContactFile:
    """Rows to send to the database, lines that are not even rows, and every line as it was."""

    rows: list[Contact]
    rejected: list[tuple[int, str]]
    header: list[str]
    cells: dict[int, list[str]]

    def batches(self) -> Iterator[list[Contact]]:
        """What the database takes at once."""
        rows = iter(self.rows)
        while batch := list(islice(rows, BATCH)):
            yield batch


def read_contact_file(content: bytes) -> ContactFile:
    """Reads a CSV file with a header line; raises FileError."""
    text = _text(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader)]
        _check(header)
        return _rows(reader, header)
    except StopIteration:
        raise FileError("The file is empty. Its first line must be: " + EXAMPLE) from None
    except csv.Error as error:
        raise FileError(
            f"Line {reader.line_num} cannot be read as CSV ({error}). Check its quotation marks."
        ) from None


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise FileError("The file is larger than 8 MB. Split it and import the parts.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"Line {line} is not UTF-8. Save the file as “CSV UTF-8” and import it again."
        ) from None
    if not text.strip():
        raise FileError("The file is empty. Its first line must be: " + EXAMPLE)
    return text


def _delimiter(text: str) -> str:
    """Spreadsheets in much of Europe write semicolons; tags then stand between bars."""
    first = text.lstrip().partition("\n")[0]
    return ";" if first.count(";") > first.count(",") else ","


def _check(header: list[str]) -> None:
    unknown = [name for name in header if name and name not in COLUMNS]
    if "sender_id" not in header:
        raise FileError(
            f"The first line has no column sender_id. It must be: {EXAMPLE} (sender_id is needed, "
            "the others are not)."
        )
    if unknown:
        known = ", ".join(COLUMNS)
        raise FileError(f"The column “{unknown[0][:60]}” is not known. Known are: {known}.")
    if len(set(header)) < len(header):
        raise FileError("A column stands in the first line twice.")


def _rows(reader: Any, header: list[str]) -> ContactFile:
    file = ContactFile([], [], header, {})
    seen: set[str] = set()
    line = reader.line_num + 1
    for fields in reader:
        if any(field.strip() for field in fields):
            _take(file, line, fields, seen)
        if len(file.cells) > MAX_ROWS:
            raise FileError("The file has more than 50,000 lines. Split it and import the parts.")
        line = reader.line_num + 1
    if not file.cells:
        raise FileError("There is no contact below the first line.")
    return file


def _take(file: ContactFile, line: int, fields: list[str], seen: set[str]) -> None:
    file.cells[line] = fields
    problem = _problem(fields, file.header)
    if problem:
        file.rejected.append((line, problem))
        return
    row = dict(zip(file.header, fields, strict=True))
    sender_id = row["sender_id"].strip()
    # The database sees one batch at a time; a line far above may be in another one.
    if sender_id and sender_id in seen:
        file.rejected.append((line, f"sender_id {sender_id[:60]} stands on an earlier line"))
        return
    seen.add(sender_id)
    file.rows.append({"line": line, **row})


def _problem(fields: list[str], header: list[str]) -> str:
    if len(fields) != len(header):
        return f"{len(fields)} fields instead of {len(header)}"
    if any("\x00" in field for field in fields):
        return "holds a character that cannot be stored"
    return ""
