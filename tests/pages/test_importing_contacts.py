"""This file is where a person imports contacts from a file, in a browser."""

import csv
import io

import pytest
from playwright.sync_api import expect

from tests.builders import World
from tests.pages.conftest import Visit, number

HEADER = "sender_id,name,tags,time_zone,last_message_at\n"


def test_first_what_would_happen_then_what_did_and_the_refused_lines_as_a_file(
    demo: Visit, people: World
) -> None:
    upload(
        demo,
        HEADER
        + '88001000,Import One,"fresh,asked",Europe/Berlin,2026-11-22T09:30:00Z\n'
        + "88002000,=Import Two,fresh,Moon/Crater,\n"
        + "88003000,محمد العلي,fresh,Asia/Dubai,\n",
    )

    report = demo.page.locator("#import-report")
    expect(report).to_contain_text("2 contacts would be added, 0 updated, 1 line refused")
    expect(report).to_contain_text("fresh · 2 contacts")
    expect(report.get_by_role("row")).to_have_count(1)
    expect(report.get_by_role("row")).to_contain_text("Line 3")
    expect(report.get_by_role("row")).to_contain_text("Moon/Crater")
    expect(report).to_contain_text("asked · 1 contact")
    assert stored(people) == set()
    demo.picture("contacts-dry-pass")

    demo.page.click("#import-go")
    expect(report).to_contain_text("2 contacts added, 0 updated, 1 line not taken")
    assert stored(people) == {"88001000", "88003000"}
    with demo.page.expect_download() as download:
        demo.page.click("#import-errors")
    assert download.value.suggested_filename == "people-refused.csv"
    text = download.value.path().read_text(encoding="utf-8-sig")
    [refused] = csv.DictReader(io.StringIO(text))
    assert (refused["line"], refused["name"]) == ("3", "'=Import Two")
    assert "Moon/Crater" in refused["reason"]


def stored(people: World) -> set[str]:
    rows = people.rows("select sender_id from public.contacts where 'fresh' = any(tags)")
    return {row["sender_id"] for row in rows}


def test_the_same_file_again_updates_and_adds_nobody(demo: Visit) -> None:
    rows = HEADER + "88011000,Twice,again,,\n88012000,Twice Too,again,,\n"
    demo.open("/contacts")
    chosen = demo.page.locator("[data-page-id][aria-pressed=true]")
    before = number(chosen.text_content())
    report = demo.page.locator("#import-report")
    choose(demo, rows.encode())
    demo.page.click("#import-go")
    expect(report).to_contain_text("2 contacts added")
    expect(chosen).to_contain_text(f"· {before + 2} contacts")
    shown = demo.page.get_by_role("link", name="Twice Too")
    demo.page.fill("#contacts-by-q", "twice")
    expect(shown).to_be_visible()

    choose(demo, rows.encode())

    expect(report).to_contain_text("0 contacts would be added, 2 updated")
    demo.page.click("#import-leave")
    expect(report).to_have_count(0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,who\n1,A\n", "no column sender_id"),
        (HEADER.encode() + b"1,\xff\xfe,,,\n", "Line 2 is not UTF-8"),
        (b"", "is empty"),
        (b"sender_id\n" + b"7\n" * 50_001, "more than 50,000 lines"),
        (b"sender_id\n" + b"7" * (8 * 1024 * 1024), "larger than 8 MB"),
        # Larger than the upload itself takes; no more, as the bytes pass through the test.
        (b"7" * (9 * 1024 * 1024 + 1), "larger than 8 MB"),
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
