"""This file is where a page's conversations are made up, for the further demo page and tests."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from local.sandbox.listing import DELETED
from local.sandbox.mailbox import Mailbox, Message

NAMES = (
    *("Lena Vogt", "Marco Rossi", "Aisha Khan", "محمد العلي", "שרה כהן", "Ольга Петрова"),
    *("佐藤 美咲", "Zoë Nguyễn", "Chidi Okafor", "प्रिया शर्मा", "", "Ελένη Παπαδοπούλου"),
)
ASKED = (
    *("Is the corner table free on Friday?", "Do you roast the beans yourselves?"),
    *(
        "هل لديكم قهوة بدون كافيين؟",
        "Есть ли у вас столик на четверых?",
        "コーヒー豆は買えますか？",
    ),
)
ANSWERED = "Thank you for writing! Somebody of us will answer you soon."
FURTHER_PAGE = "104200000000002"
FURTHER_PEOPLE = 64


def fill(
    mailbox: Mailbox, page_id: str, people: int, each: int = 2, now: datetime | None = None
) -> int:
    """Adds `people` threads of `each` messages, one a minute, the newest now; returns how many.

    The same people every time: one that is there already stays as it is. They begin with a message
    of the contact's. Every thirteenth has only an attachment, every seventeenth was deleted.
    """
    added = 0
    for number in range(people):
        sender_id = f"{page_id[-4:]}{number:012}000"
        if mailbox.thread(page_id, sender_id):
            continue
        added += 1
        mailbox.names[sender_id] = NAMES[number % len(NAMES)]
        ended_at = (now or datetime.now(UTC)) - timedelta(minutes=number)
        for message in _thread(page_id, sender_id, number, each, ended_at):
            mailbox.remember(message)
    return added


def _thread(
    page_id: str, sender_id: str, number: int, each: int, ended_at: datetime
) -> Iterator[Message]:
    for place in range(each):
        by_page = place % 2 == 1
        text = ANSWERED if by_page else ASKED[(number + place) % len(ASKED)]
        yield Message(
            message_id=f"m_{sender_id}_{place}",
            page_id=page_id,
            sender_id=sender_id,
            by="page" if by_page else "contact",
            text="" if number % 13 == 12 else text,
            metadata="",
            messaging_type=DELETED if number % 17 == 16 else "",
            received_at=(ended_at - timedelta(seconds=40 * (each - place))).isoformat(
                timespec="microseconds"
            ),
        )


def made_of(row: Any) -> tuple[str, int, int]:
    """Page, people and messages each, of a request for threads. Raises ValueError."""
    if not isinstance(row, dict) or not isinstance(row.get("page_id"), str):
        raise ValueError('Send {"page_id": "...", "people": 100, "each": 2}.')  # noqa: TRY004
    people, each = row.get("people", 10), row.get("each", 2)
    for value, most in ((people, 200_000), (each, 100)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f'"people" and "each" are whole numbers, at most {most}.')
    return row["page_id"], people, each
