"""This file is where phone numbers are told from dates, times, prices and other figures."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

FEWEST, MOST = 7, 15
# With its country's prefix but without a plus; codes of goods and orders begin at 13.
LONGEST_AT_HOME = 12
FIGURE = re.compile(r"\d")
BETWEEN = r"[ .()/\-\u2010-\u2013\u2212]{0,3}"
ABROAD = re.compile(rf"(?:\+|(?<![\w.,])00)(?:{BETWEEN}\d){{{FEWEST},{MOST}}}(?!\d)")
AT_HOME = re.compile(rf"(?<![\w#№])\d(?:{BETWEEN}\d){{{FEWEST},{MOST - 1}}}(?!\w)")
CURRENCY = (
    r"(?:[$€£¥₫₹₽₴₩₺₱฿₦₪]|đ|zł|kr\b|Kč|Ft\b|руб|сум|Rp|\b(?:EUR|USD|GBP|CHF|PLN|CZK|SEK|NOK|DKK|HUF"
    r"|RON|BGN|RUB|UAH|TRY|INR|PKR|BDT|IDR|MYR|SGD|THB|VND|PHP|JPY|KRW|CNY|BRL|MXN|ARS|CLP|COP|PEN"
    r"|NGN|KES|ZAR|EGP|AED|SAR|KZT|UZS|GEL|FCFA|XAF|XOF)\b)"
)
TO = r" ?[-\u2013] ?"
TIME = r"(?:[01]?\d|2[0-4])[.:][0-5]\d"
THOUSANDS = r"[1-9]\d{0,2}(?:(?:\.\d{3})+|(?:,\d{3})+|(?:['’]\d{3})+)(?:[.,]\d{1,2})?"
SUM = r"[1-9]\d{0,2}(?:[ .,'’]?\d{3})*(?:[.,]\d{1,2})?"
# What has figures and is no number to call: 23.11.2026, 10.30-12.30, 1.200.000, 150 000 000 VND.
FIGURES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{CURRENCY} ?{SUM}(?! ?\d)|(?<![\d+.])(?<!\d ){SUM}(?:{TO}{SUM})? ?{CURRENCY}",
        r"(?<![\d+])(?<!\d[./-])(?:\d{4}([./-])\d{1,2}\1\d{1,2}"
        r"|\d{1,2}([./-])\d{1,2}\2(?:\d{4}|\d{2}))(?![./-]?\d)",
        rf"(?<![\d+./-])(?<!\d ){TIME}(?:{TO}{TIME})?(?![./-]?\d)(?! \d)",
        rf"(?<![\d+])(?<!\d[./-]){THOUSANDS}(?:{TO}{THOUSANDS})?(?![./-]?\d)",
    )
)


def find_numbers(text: str) -> Iterator[str]:
    """The digits of every number in `text` that a phone would offer to call."""
    if len(FIGURE.findall(text)) < FEWEST:
        return
    for match in ABROAD.finditer(text):
        yield _digits(match[0])
    rest = ABROAD.sub("¦", text)
    for pattern in FIGURES:
        rest = pattern.sub("¦", rest)
    for match in AT_HOME.finditer(rest):
        if _may_be_called(match[0]):
            yield _digits(match[0])


def is_same_number(number: str, known: Iterable[str]) -> bool:
    """Whether it is one of `known`, with or without the prefix of its country."""
    return any(_ends_alike(number, other) or _ends_alike(other, number) for other in known)


def _may_be_called(found: str) -> bool:
    """Numbers of orders, goods and sizes have as many digits, but seldom a leading 0 or groups."""
    digits = _digits(found)
    if digits[0] == "0":
        return len(digits) >= 8
    if found.isdigit():
        return 10 <= len(digits) <= LONGEST_AT_HOME
    return len(digits) >= 9 and max(map(len, re.findall(r"\d+", found))) > 2


def _ends_alike(number: str, other: str) -> bool:
    own = number.lstrip("0")
    return len(own) >= FEWEST and other.lstrip("0").endswith(own)


def _digits(text: str) -> str:
    return "".join(str(unicodedata.digit(c)) for c in text if c.isdigit())
