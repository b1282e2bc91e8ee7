"""This file is where Facebook's conversations, also odd ones, become messages and people."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.ports import GraphError, NotSentError
from pipeline.steps.hear import hear
from pipeline.steps.read_trouble import trouble

PAGE = "1000"
AT = "2026-11-23T01:02:03+0000"


def thread(*messages: dict[str, Any], people: Any = None, at: str = AT) -> dict[str, Any]:
    two = [{"id": "7", "name": "Amina"}, {"id": PAGE, "name": "The page"}]
    shown = two if people is None else people
    return {
        "id": "t_1",
        "updated_time": at,
        "participants": {"data": shown},
        "messages": {"data": list(messages)},
    }


def said(by: str, text: Any = "Hello", **more: Any) -> dict[str, Any]:
    to = {"data": [{"id": PAGE if by != PAGE else "7"}]}
    row = {"id": "m_1", "created_time": AT, "from": {"id": by}, "to": to, "message": text}
    return {**row, **more}


def test_each_message_says_who_wrote_to_whom_and_when() -> None:
    heard = hear(PAGE, [thread(said("7"), said(PAGE, "Welcome"))], None)

    assert [(row["direction"], row["sender_id"], row["text"]) for row in heard.messages] == [
        ("in", "7", "Hello"),
        ("out", "7", "Welcome"),
    ]
    assert heard.messages[0]["said_at"] == "2026-11-23T01:02:03+00:00"
    assert heard.people == []
    assert heard.newest_at == datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        (said("7", ""), [""]),  # only an attachment
        (said("7", None), [""]),
        (said("7", "a\x00b\ud800"), ["ab"]),
        (said("7", "x" * 30_000), ["x" * 20_000]),
        ({"id": "m_1"}, []),  # deleted, or beyond the twenty newest
        ({"id": "m_1", "created_time": AT}, []),
        (said("7", created_time="yesterday"), []),
        (said("7", created_time="2026-11-23T01:02:03"), []),
        ({**said("7"), "from": None}, []),
        ({**said("7"), "id": 5}, []),
        ({**said(PAGE), "to": None}, ["Hello"]),
    ],
)
def test_odd_messages_are_kept_as_far_as_they_can_be_understood(message: Any, texts: Any) -> None:
    heard = hear(PAGE, [thread(message)], None)

    assert [row["text"] for row in heard.messages] == texts
    assert [row["sender_id"] for row in heard.people] == ([] if texts else ["7"])


@pytest.mark.parametrize(
    ("people", "found"),
    [
        ([{"id": PAGE}], {}),
        ([{"id": "7"}], {"7": ""}),
        ([{"id": "7", "name": None}, {"id": "8", "name": " محمد "}], {"7": "", "8": "محمد"}),
        ([{"id": "7" * 300}, "nobody", {"name": "No id"}], {}),
        ("not a list", {}),
    ],
)
def test_people_are_known_with_or_without_a_name(people: Any, found: Any) -> None:
    heard = hear(PAGE, [thread(people=people)], None)

    assert {row["sender_id"]: row["sender_name"] for row in heard.people} == found


def test_reading_ends_where_everything_is_known_but_reads_that_second_again() -> None:
    threads = [thread(said("7"), at=f"2026-11-23T01:0{minute}:00+0000") for minute in (5, 4, 3)]

    heard = hear(PAGE, threads, datetime(2026, 11, 23, 1, 4, tzinfo=UTC))
    unread = hear(PAGE, [thread(at="?")], datetime(2026, 11, 23, 1, 4, tzinfo=UTC))

    assert (heard.threads, heard.reached) == (2, True)
    assert (unread.threads, unread.reached, unread.newest_at) == (1, False, None)


@pytest.mark.parametrize("junk", [None, [], {"data": None}, {"data": [1, None]}, "text"])
def test_what_is_no_list_of_messages_is_no_message(junk: Any) -> None:
    odd = {**thread(), "messages": junk, "participants": junk}

    heard = hear(PAGE, [odd], None)

    assert (heard.messages, heard.people, heard.threads) == ([], [], 1)


@pytest.mark.parametrize(
    ("error", "cursor", "size", "expected"),
    [
        (GraphError(2642, 0, "Invalid cursors values"), "c", 25, {"restart": True}),
        (GraphError(100, 0, "Invalid cursor"), "c", 25, {"restart": True}),
        (GraphError(1, 0, "Please reduce the amount of data"), None, 25, {"page_size": 12}),
        (GraphError(1, 0, "Please reduce the amount of data"), None, 1, {}),
        (GraphError(190, 463, ""), None, 25, {"page_status": "token_invalid"}),
        (GraphError(613, 0, "", regain_seconds=300), None, 25, {"pause_seconds": 300}),
        (GraphError(200, 0, ""), None, 25, {"error_code": "permission_missing"}),
        (GraphError(10, 1893063, ""), None, 25, {"error_code": "page_restricted"}),
        (GraphError(551, 0, ""), None, 25, {"error_code": "not_readable"}),
        (NotSentError("away"), None, 25, {"error_code": "facebook_unreachable"}),
    ],
)
def test_an_error_says_what_becomes_of_the_reading(
    error: Any, cursor: Any, size: int, expected: Any
) -> None:
    outcome = trouble(error, cursor, size)

    assert expected.items() <= outcome.items()
    assert outcome["error_message"]
    assert outcome["error_hint"]
    # What keeps only the reading must not stop the sending.
    assert ("page_status" in outcome) == (error.__dict__.get("code") == 190)
