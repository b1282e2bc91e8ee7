"""This file is where the demo data is made: a page, three automations, people in six scripts."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from supabase import Client, create_client

FACEBOOK_PAGE_ID = "104200000000001"
SANDBOX_TOKEN = "sandbox-page-token"  # noqa: S105 - only the sandbox accepts it

# Six zones around the globe: at any hour some of them are inside their active hours.
ZONES = [
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Pacific/Auckland",
]

GIVEN_AND_FAMILY: list[tuple[list[str], list[str]]] = [
    (
        ["Sarah", "Tom", "Ana", "Mike", "Chloé", "Jürgen", "Maëlle"],
        ["Williams", "Brown", "López", "Johnson", "Nguyễn", "Weiß"],
    ),
    (["محمد", "فاطمة", "ليلى", "يوسف", "نور"], ["العلي", "الحسن", "منصور", "حداد"]),
    (["Ольга", "Иван", "Наталья", "Дмитро", "Софія"], ["Петрова", "Коваль", "Сидоров", "Шевченко"]),
    (["美咲", "健太", "さくら", "蓮", "陽菜"], ["佐藤", "鈴木", "高橋", "田中"]),
    (["प्रिया", "आरव", "अनन्या", "रोहन"], ["शर्मा", "पटेल", "सिंह", "गुप्ता"]),
    (["Ελένη", "Γιώργος", "Μαρία", "Νίκος"], ["Παπαδοπούλου", "Νικολάου", "Αντωνίου"]),
]

# Each group writes in its own language, so that the answers can be told to be in theirs.
QUESTIONS = [
    [
        "Hi! Do you still have places in the sourdough class on Saturday?",
        "How much is a birthday cake for twelve people?",
        "Are you open on Sunday morning?",
        "Do you have anything without gluten?",
        "I saw the rye bread in your story. Can I order two loaves?",
        "Could you deliver croissants for an office breakfast?",
    ],
    ["مرحباً، كم سعر كعكة عيد ميلاد لاثني عشر شخصاً؟", "هل أنتم مفتوحون صباح يوم الأحد؟"],
    ["Сколько стоит торт на двенадцать человек?", "Есть ли ещё места на курсе в субботу?"],
    ["12人分の誕生日ケーキはおいくらですか？", "日曜日の朝は開いていますか？"],
    ["बारह लोगों के लिए जन्मदिन का केक कितने का है?", "क्या आप रविवार सुबह खुले रहते हैं?"],
    ["Πόσο κοστίζει μια τούρτα για δώδεκα άτομα;", "Είστε ανοιχτά την Κυριακή το πρωί;"],
]

RULES: list[dict[str, Any]] = [
    {
        "name": "Winback after an hour",
        "include_tags": ["asked"],
        "exclude_tags": ["vip"],
        "wait_minutes": 60,
        "daily_limit": 200,
        "run_24_7": True,
        "prompt": "Pick up the customer's last question and offer to help with it. One friendly "
        "question at the end. Never promise a price or a date that is not in the conversation.",
    },
    {
        "name": "Class places, in waking hours",
        "include_tags": ["class"],
        "wait_minutes": 30,
        "daily_limit": 100,
        "active_from": "07:00",
        "active_until": "23:00",
        "time_zone": "Europe/Berlin",
        "prompt": "Tell the customer that two places in Saturday's sourdough class are left and "
        "ask whether to keep one.",
    },
    {
        "name": "Cake quotes, 25 a day",
        "include_tags": ["quote"],
        "wait_minutes": 0,
        "daily_limit": 25,
        "max_follow_ups": 2,
        "run_24_7": True,
        "prompt": "Ask whether the customer wants a quote for the cake they asked about, and for "
        "how many people.",
    },
]
PEOPLE = {"asked": 48, "class": 60, "quote": 32}


def seed(
    *,
    url: str,
    secret_key: str,
    token_encryption_key: str,
    demo_email: str,
    demo_password: str,
    sandbox_url: str,
) -> None:
    """Gives the demo account its page, automations and contacts, unless it has a page already."""
    client = create_client(url, secret_key)
    user_id = next(user.id for user in client.auth.admin.list_users() if user.email == demo_email)
    if client.table("facebook_pages").select("id").eq("user_id", user_id).execute().data:
        return
    owner = {"user_id": user_id, "page_id": _connect_page(client, user_id, token_encryption_key)}
    contacts = [contact for tag in PEOPLE for contact in _people(tag, owner)]
    stored = client.table("contacts").insert(contacts).execute().data
    client.table("contact_messages").insert([_question(row) for row in stored]).execute()
    first_run = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    client.table("ai_automation_rules").insert(
        [{**_BLANK, **rule, **owner, "next_run_at": first_run} for rule in RULES]
    ).execute()


# Every row of one insert needs the same columns; these are the database's own defaults.
_BLANK: dict[str, Any] = {
    "enabled": True,
    "exclude_tags": [],
    "max_follow_ups": 3,
    "run_24_7": False,
    "active_from": "09:00",
    "active_until": "20:00",
    "time_zone": "UTC",
}


def _connect_page(client: Client, user_id: str, token_encryption_key: str) -> str:
    page = {
        "user_id": user_id,
        "facebook_page_id": FACEBOOK_PAGE_ID,
        "name": "Bella's Bakery",
        "sends_per_minute": 600,
    }
    page_id = str(client.table("facebook_pages").insert(page).execute().data[0]["id"])  # type: ignore[index,call-overload]
    sealed = Fernet(token_encryption_key.split(",")[0]).encrypt(SANDBOX_TOKEN.encode()).decode()
    secret = {"page_id": page_id, "user_id": user_id, "encrypted_token": sealed}
    client.table("facebook_page_secrets").insert(secret).execute()
    read = {"page_id": page_id, "user_id": user_id}
    client.table("facebook_page_syncs").insert(read).execute()
    return page_id


def _people(tag: str, owner: dict[str, str]) -> list[dict[str, Any]]:
    """Most can be written to; the last six show each way of being held back, and one failure."""
    dice = random.Random(tag)  # noqa: S311 - the same people on every machine
    names = [
        f"{family} {given}" if script == _FAMILY_FIRST else f"{given} {family}"
        for script, (givens, families) in enumerate(GIVEN_AND_FAMILY)
        for given, family in itertools.product(givens, families)
    ]
    now = datetime.now(UTC)
    people = [
        {
            **owner,
            "sender_id": f"{7000 + _PREFIX[tag]}{number:08}000",
            "sender_name": name,
            "tags": [tag],
            "time_zone": ZONES[number % len(ZONES)],
            "last_inbound_at": (now - timedelta(minutes=dice.randint(90, 12 * 60))).isoformat(),
            "opted_out_at": None,
        }
        for number, name in enumerate(dice.sample(names, PEOPLE[tag]))
    ]
    return people[:-6] + [
        {**person, **held_back}
        for person, held_back in zip(people[-6:], _held_back(tag, now), strict=True)
    ]


_FAMILY_FIRST = 3
_PREFIX = {"asked": 1, "class": 2, "quote": 3}


def _held_back(tag: str, now: datetime) -> list[dict[str, Any]]:
    long_ago = (now - timedelta(hours=30)).isoformat()
    return [
        {"sender_id": f"{7000 + _PREFIX[tag]}99999551"},  # the sandbox: this person isn't available
        {"last_inbound_at": long_ago},
        {"last_inbound_at": long_ago},
        {"tags": [tag, "vip"]},
        {"opted_out_at": long_ago},
        {"last_inbound_at": now.isoformat()},
    ]


def _question(row: Any) -> dict[str, Any]:
    dice = random.Random(str(row["sender_id"]))  # noqa: S311
    return {
        "user_id": row["user_id"],
        "contact_id": row["id"],
        "direction": "in",
        "body": dice.choice(_questions_of(row["sender_name"])),
        "facebook_message_id": f"m_demo_{row['sender_id']}",
        "said_at": row["last_inbound_at"],
    }


def _questions_of(name: str) -> list[str]:
    groups = zip(GIVEN_AND_FAMILY, QUESTIONS, strict=True)
    own = (asked for (given, _), asked in groups if set(given) & set(name.split()))
    return next(own, QUESTIONS[0])
