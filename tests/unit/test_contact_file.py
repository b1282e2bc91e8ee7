"""This file is where CSV files of every kind are read, good ones and others."""

import pytest

from pipeline.contact_file import BATCH, MAX_BYTES, FileError, read_contact_file

HEADER = "sender_id,name,tags,time_zone,last_message_at\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (HEADER.encode(), "no contact below"),
        (b"name,tags\nJane,x\n", "no column sender_id"),
        (b"sender_id,colour\n1,red\n", "“colour” is not known"),
        (b"sender_id,sender_id\n1,2\n", "twice"),
        (HEADER.encode() + b"1,J\xfcrgen,,,\n", "Line 2 is not UTF-8"),
        (HEADER.encode() + b'1,"Jane,,,\n', "cannot be read as CSV"),
        (b"\x00\x01\x02", "no column sender_id"),
        (b"x" * (MAX_BYTES + 1), "larger than 8 MB"),
        (HEADER.encode() + b"1,a,,,\n" * 50_001, "more than 50,000 lines"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content, words):
    with pytest.raises(FileError, match=words):
        read_contact_file(content)


def test_a_line_that_is_no_row_is_named_by_its_number_and_the_others_go_in():
    file = read_contact_file((HEADER + "1,Ann,,,\ntoo,few\n\n2,Bob,,,\n").encode())

    assert [row["sender_id"] for row in file.rows] == ["1", "2"]
    assert [row["line"] for row in file.rows] == [2, 5]
    assert file.rejected == [(3, "2 fields instead of 5")]


def test_a_field_may_hold_line_ends_and_the_lines_below_keep_their_numbers():
    file = read_contact_file((HEADER + '1,"Ann\nMary",,,\n2,Bob,,,\nbad\n').encode())

    assert [row["line"] for row in file.rows] == [2, 4]
    assert file.rejected == [(5, "1 fields instead of 5")]


@pytest.mark.parametrize(
    "content",
    [
        "sender_id;name;tags\n1;محمد العلي;a|b\n",
        "\ufeffSender_ID , NAME,tags\n1,محمد العلي,a|b\n",
        "sender_id,name,tags\r\n1,محمد العلي,a|b\r\n",
        "tags,name,sender_id\na|b,محمد العلي,1",
    ],
)
def test_what_spreadsheets_write_is_understood(content):
    (row,) = read_contact_file(content.encode()).rows

    assert (row["sender_id"], row["name"], row["tags"]) == ("1", "محمد العلي", "a|b")


def test_who_stands_on_two_lines_goes_in_once_however_far_apart_and_every_line_is_kept():
    lines = "".join(f"{number},,,,\n" for number in range(BATCH + 5))
    file = read_contact_file((HEADER + lines + " 7 ,=1+1,,,\n").encode())

    assert file.rejected == [(BATCH + 7, "sender_id 7 stands on an earlier line")]
    assert file.cells[BATCH + 7] == [" 7 ", "=1+1", "", "", ""]


def test_contacts_go_to_the_database_in_batches():
    lines = "".join(f"{number},,,,\n" for number in range(BATCH * 2 + 1))
    file = read_contact_file((HEADER + lines).encode())

    assert [len(batch) for batch in file.batches()] == [BATCH, BATCH, 1]
