"""This file is where a link nobody asked for is shown to be found, and ordinary text left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps.links import DOMAINS, brings_own_links
from pipeline.steps.text_checks import find_fault

PROMPT = (
    "Mention our shop https://bella-cakes.com/offers?id=7 if it fits, "
    "or write to info@bella-cakes.com or call +49 30 1234567."
)
STRANGE = (
    *("evil-shop.ru/x", "evil.com", "visit EVIL.COM", "Evil.Com", "sub.evil.co.uk", "evil.com."),
    *(
        "bit.ly/3xYz",
        "t.me/evilbot",
        "m.me/otherpage",
        "wa.me/4912345",
        "paypal.me/thief",
        "fb.me/x",
    ),
    *("https://evil.example", "HTTPS://EVIL.EXAMPLE", "hxxps://evil.example", "https:evil.example"),
    *("ftp://evil.example/x", "tg://resolve?domain=x", "javascript:alert(1)", "mailto:a@evil.com"),
    *("203.0.113.9/login", "203.0.113.9", "http://3405803785/", "http://[2001:db8::1]/"),
    *("еvil.com", "пример.рф", "例え.中国", "xn--e1afmkfd.xn--p1ai", "bücher.de"),
    *(
        "ｅｖｉｌ．ｃｏｍ",
        "ｈttps://evil",
        "evil。com",
        "evil․com",
        "e\u00advil.com",
        "evil\u200b.com",
    ),
    *(
        "h\u200bttps://evil.example",
        "ev\u2060il.c\ufeffom",
        "evil[.]com",
        "evil (dot) com",
        "_evil.com_",
    ),
    *("https://bella-cakes.co", "https://bella-cakes.com.evil.ru", "bella-cakes.community"),
    *("https://bella-cakes.com@evil.ru", "https://evil.ru\\@bella-cakes.com", "notbella-cakes.com"),
    *(
        "https://bella-cakes.com/offers?id=77",
        "https://bella-cakes.com/offer",
        "bella-cakes.com:8080",
    ),
    *("https://bella-cakes.com/other", "ftp://bella-cakes.com", "https://shop.bella-cakes.com"),
    *(
        "https://bella-cak.es",
        "https://evil.ru/https://bella-cakes.com",
        "//evil.com/x",
        "evil.com-on",
    ),
    *("boss@evil.example", "info@bella-cakes.co", "info@bella-cakes.com.ru", "bosś@evil.com"),
    *("+49 170 1234567", "0170 1234567", "(0170) 123-45-67", "00491701234567", "1-800-555-0142"),
    *("(202) 555-0142", "8 800 555-35-35", "06 12 34 56 78", "06.12.34.56.78", "01-23-45-67-89"),
    *("612 345 678", "98765 43210", "9876543210", "٠١٠٠١٢٣٤٥٦٧", "＋４９１７０１２３４５６７"),
    *(
        "+49 151-12-3456 78",
        "+1 2026-11-23 4567",
        "查看evil.com吧",
        "请访问evil.com查看",
        "evil.com에서",
    ),
)
FINE = (
    *("20261123004512", "4006381333931", "36/38/40/42/44", "36 38 40 42 44"),
    *("e.g. tomorrow", "at 10.30", "10.30-12.30", "from 09.00-17.00", "3.5 kg"),
    *("Sat.See you", "2.000 EUR", "Dr.Müller", "U.S.A.", "23.11.2026", "2026-11-23"),
    *("11/23/2026", "version 2.10.4", "v.a. am Abend", "Well...maybe", "Well…maybe"),
    *("1.200.000-1.500.000", "150 000 000 VND", "Rp 150.000.000", "€ 1 250,50"),
    *("z.B. morgen", "u.a.m.", "d.h. heute", "т.е. завтра", "т.д.", "г.Москва"),
    *("руб.за штуку", "S.p.A.", "9:00-17:00", "Mo.-Fr./Sa.", "24/7", "50/50", "and/or"),
    *("1.5l", "No.5", "Nr.12", "order 123456789", "#1234567890123", "2025-2026"),
    *("12.11., 13.11. und 14.11.", "10-12, 14-16", "a.m./p.m.", "St.Pauli"),
    *("p. 10.30 u. 12.45", "23.11.2026 10.30", "Node.js", "menu.pdf", "Ph.D.", "100%!"),
    *("@anna", "5 @ 3", "明天见。OK吗", "ありがとうございます。またね", "สวัสดี.ครับ"),
    *("مرحبا.كيف حالك", "नमस्ते।कैसे", "안녕하세요.반가워요", "L'heure: 18h30"),
    *("kl. 14.30–16.00", "Ms.Smith", "Hi :) /Anna", "1,234,567.89", "1'250'000.50 CHF"),
    *("½ kg", "20°C", "C++/Python", "Mon.Fri", "https is safe", "the www", "Info: https"),
    *("x.y", "A.B.C."),
)  # fmt: skip
ASKED = (
    *(
        "https://bella-cakes.com/offers?id=7",
        "bella-cakes.com/offers?id=7.",
        "http://www.bella-cakes.com",
    ),
    *(
        "HTTPS://Bella-Cakes.com/",
        "(https://bella-cakes.com/offers)",
        "bella-cakes.com",
        "Bella-Cakes.COM!",
    ),
    *(
        "https://bella-cakes.com，",
        "请访问https://bella-cakes.com查看",
        "bella-cakes.com에서",
        "bella-cakes.com'da",
    ),
    *(
        "info@bella-cakes.com.",
        "INFO@bella-cakes.com",
        "+49 30 1234567",
        "030 1234567",
        "0049 (30) 123 45 67",
    ),
    "**https://bella-cakes.com/offers?id=7**",
)


@pytest.mark.parametrize("strange", STRANGE)
def test_what_messenger_would_make_a_link_of_must_be_asked_for(strange: str) -> None:
    for text in (
        strange,
        f"Hi Ann! Look: {strange} now",
        f"„{strange}“",
        f"Schau,{strange}\nBis bald",
    ):
        assert brings_own_links(text, PROMPT, []), text


@pytest.mark.parametrize("fine", FINE)
def test_ordinary_text_is_no_link(fine: str) -> None:
    for text in (fine, f"Hallo Ann, {fine} passt?", f"Hi!\n{fine}"):
        assert not brings_own_links(text, "Write a friendly follow-up.", []), text


@pytest.mark.parametrize("asked", ASKED)
def test_what_the_prompt_has_may_be_said(asked: str) -> None:
    for text in (asked, f"Hi Ann! Look: {asked} – see you", f"“{asked}”"):
        assert not brings_own_links(text, PROMPT, []), text


def test_the_page_s_own_words_allow_a_number_and_an_e_mail_but_no_link() -> None:
    said = ["Call us: 0170 1234567, hello@bella.example or see bella.com"]

    assert not brings_own_links("Our number is +49 170 1234567", "", said)
    assert not brings_own_links("Write to hello@bella.example", "", said)
    assert brings_own_links("See bella.com", "", said)


def test_every_ending_of_the_list_is_heard() -> None:
    passed = [end for end in DOMAINS if not brings_own_links(f"see aaq.{end} now", PROMPT, [])]

    assert len(DOMAINS) > 1400
    assert passed == []


WORD = st.from_regex(r"[a-z]{2,12}", fullmatch=True)
HIDE = st.sampled_from(["", "\u200b", "\u2060", "\u00ad", "\ufeff", "\ufe0f"])


@settings(max_examples=60)
@given(WORD, st.sampled_from(sorted(DOMAINS)), st.sampled_from(["", "/", "/x?y=1"]), HIDE, WORD)
def test_no_host_of_any_ending_gets_through(
    name: str, end: str, path: str, hidden: str, around: str
) -> None:
    link = f"{name}q.{hidden}{end}{path}"

    for text in (f"{around} {link} {around}", link.upper(), f"({link})", f"{around}:{link}"):
        fault = find_fault(text, [], PROMPT)
        assert fault is not None
        assert fault.code == "text_link"


@settings(max_examples=60)
@given(
    st.lists(st.from_regex(r"[A-Za-zÄÖÜäöüßéñ]{1,9}[,.!?;:…]{0,3}", fullmatch=True), max_size=30),
    st.lists(st.sampled_from(FINE), max_size=3),
)
def test_words_with_spaces_and_figures_with_commas_raise_no_alarm(
    words: list[str], fine: list[str]
) -> None:
    assert not brings_own_links(" ".join([*words, "and", ", ".join(fine)]), "", [])
