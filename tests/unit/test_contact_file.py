"""This file is where files of contacts are read: good ones, odd ones, and ones that cannot be."""

import pytest

from pages._components.contact_file import MAX_BYTES, MAX_ROWS, FileError, read_contact_file

HEADER = "sender_id,name,tags,time_zone,last_message_at\n"


def test_a_row_keeps_its_line_and_its_text() -> None:
    file = read_contact_file(
        (HEADER + '1,"Smith, Jane",asked;class,Asia/Dubai,2026-11-22T09:30:00Z\n').encode()
    )

    assert file.rejected == []
    assert file.rows == [
        {
            "line": 2,
            "sender_id": "1",
            "name": "Smith, Jane",
            "tags": "asked;class",
            "time_zone": "Asia/Dubai",
            "last_message_at": "2026-11-22T09:30:00Z",
        }
    ]


def test_a_spreadsheet_file_with_a_mark_semicolons_and_windows_line_ends_is_read() -> None:
    file = read_contact_file("\ufeffSender_ID; Name ;tags\r\n7;محمد;a|b\r\n".encode())

    assert file.rows == [{"line": 2, "sender_id": "7", "name": "محمد", "tags": "a|b"}]


def test_a_bad_line_is_named_and_the_others_are_kept() -> None:
    file = read_contact_file((HEADER + "1,A,,,\n2,B\n3,C,,,\n").encode())

    assert [row["sender_id"] for row in file.rows] == ["1", "3"]
    assert file.rejected == [(3, "2 fields instead of 5")]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    file = read_contact_file((HEADER + '1,"two\nlines",,,\n\n2,B,,,\n').encode())

    assert [(row["line"], row["sender_id"]) for row in file.rows] == [(2, "1"), (5, "2")]


def test_a_character_that_cannot_be_stored_costs_its_line_only() -> None:
    file = read_contact_file((HEADER + "1,A\x00,,,\n2,B,,,\n").encode())

    assert [line for line, _ in file.rejected] == [2]
    assert [row["sender_id"] for row in file.rows] == ["2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n\n", "is empty"),
        (HEADER.encode(), "no contact below"),
        (b"name,tags\nA,b\n", "no column sender_id"),
        (b"sender_id,phone\n1,2\n", "“phone” is not known"),
        (b"sender_id,sender_id\n1,2\n", "twice"),
        (HEADER.encode() + b"1,A,,,\n2,\xff,,,\n", "Line 3 is not UTF-8"),
        (HEADER.encode() + b'1,"A,,,\n', "quotation marks"),
        (b"PK\x03\x04\xfe\xff\x00", "Line 1 is not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "larger than 8 MB"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content: bytes, said: str) -> None:
    with pytest.raises(FileError, match=said):
        read_contact_file(content)


def test_fifty_thousand_lines_go_in_batches_and_one_more_does_not() -> None:
    full = "sender_id\n" + "".join(f"{number}\n" for number in range(MAX_ROWS))

    sizes = [len(batch) for batch in read_contact_file(full.encode()).batches()]

    assert (len(sizes), set(sizes)) == (50, {1000})
    with pytest.raises(FileError, match=r"more than 50,000 lines"):
        read_contact_file(full.encode() + b"50000\n")
