"""This file is where a person imports contacts from a file, in a browser."""

import pytest
from playwright.sync_api import expect

from tests.builders import World
from tests.pages.conftest import Visit, number

HEADER = "sender_id,name,tags,time_zone,last_message_at\n"


def test_the_good_lines_go_in_and_the_bad_one_is_named(demo: Visit, people: World) -> None:
    upload(
        demo,
        HEADER
        + "88001000,Import One,fresh;asked,Europe/Berlin,2026-11-22T09:30:00Z\n"
        + "88002000,Import Two,fresh,Moon/Crater,\n"
        + "88003000,محمد العلي,fresh,Asia/Dubai,\n",
    )

    report = demo.page.locator("#import-report")
    expect(report).to_contain_text("2 contacts added, 0 updated, 1 line not taken")
    expect(report.get_by_role("row")).to_have_count(1)
    expect(report.get_by_role("row")).to_contain_text("Line 3")
    expect(report.get_by_role("row")).to_contain_text("Moon/Crater")
    stored = people.rows("select sender_id, tags from public.contacts where 'fresh' = any(tags)")
    assert {row["sender_id"] for row in stored} == {"88001000", "88003000"}
    demo.picture("contacts-imported")


def test_the_same_file_again_updates_and_adds_nobody(demo: Visit) -> None:
    rows = HEADER + "88011000,Twice,again,,\n88012000,Twice Too,again,,\n"
    demo.open("/contacts")
    chosen = demo.page.locator("[data-page-id][aria-pressed=true]")
    before = number(chosen.text_content())
    choose(demo, rows.encode())
    expect(demo.page.locator("#import-report")).to_contain_text("2 contacts added")
    expect(chosen).to_contain_text(f"· {before + 2} contacts")

    choose(demo, rows.encode())

    expect(demo.page.locator("#import-report")).to_contain_text("0 contacts added, 2 updated")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,who\n1,A\n", "no column sender_id"),
        (HEADER.encode() + b"1,\xff\xfe,,,\n", "Line 2 is not UTF-8"),
        (b"", "is empty"),
        (b"sender_id\n" + b"7\n" * 50_001, "more than 50,000 lines"),
        (b"sender_id\n" + b"7" * (8 * 1024 * 1024), "larger than 8 MB"),
        (b"7" * (20 * 1024 * 1024), "larger than 8 MB"),
    ],
    ids=["header", "encoding", "empty", "lines", "size", "huge"],
)
def test_a_file_that_cannot_be_used_gets_a_sentence(demo: Visit, content: bytes, said: str) -> None:
    demo.open("/contacts")

    choose(demo, content)

    expect(demo.page.get_by_role("alert")).to_contain_text(said)


def upload(visit: Visit, text: str) -> None:
    visit.open("/contacts")
    choose(visit, text.encode())


def choose(visit: Visit, content: bytes) -> None:
    file = {"name": "people.csv", "mimeType": "text/csv", "buffer": content}
    visit.page.set_input_files("#import-file input[type=file]", file)  # type: ignore[arg-type]
