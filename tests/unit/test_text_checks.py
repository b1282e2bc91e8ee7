"""This file is where unfit texts are shown to be recognised, and good ones left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.text_checks import REPEATED, clean, find_fault, find_foreign, length


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text_empty"),
        (" \n\t ", "text_empty"),
        ("x" * 1991, "text_too_long"),
        ("😊" * 996, "text_too_long"),
        ("Hi [Name], how are you?", "text_placeholder"),
        ("Hi [Your Name Here]!", "text_placeholder"),
        ("[名前]さん、こんにちは", "text_placeholder"),
        ("{name}, hello!", "text_placeholder"),
        ("Hi {first_name}!", "text_placeholder"),
        ("Hi {{ contact.name }}!", "text_placeholder"),
        ("Hi <name>!", "text_placeholder"),
        ("Hi %FIRST_NAME%!", "text_placeholder"),
        ("Hi ____!", "text_placeholder"),
        ("Dear first_name, hello", "text_placeholder"),
        ('{"message": "Hi"}', "text_json"),
        ('{"message": "Hi there, just', "text_json"),
        ("```json\nHi\n```", "text_json"),
        ('Here it is: "message": "Hi"', "text_json"),
        ("As an AI language model I like cake.", "text_refusal"),
        ("I'm sorry, but I can't do that.", "text_refusal"),
        ("I cannot assist with this request.", "text_refusal"),
        ("Lo siento, no puedo ayudar con eso.", "text_refusal"),
        ("Извините, я не могу помочь с этим.", "text_refusal"),
        ("Look: https://evil.example/win", "text_link"),
        ("Look at www.evil.example now", "text_link"),
    ],
)
def test_an_unfit_text_is_recognised(text: str, code: str) -> None:
    fault = find_fault(text, prompt="See https://shop.example/sale for the offer.")

    assert fault is not None
    assert fault.code == code
    assert fault.message.endswith(".")
    assert fault.correction


@pytest.mark.parametrize(
    "text",
    [
        "Hi Anna! 👋 Was the cake good?",
        "x" * 1990,
        "We love you <3 and 5 < 6 > 4",
        "Open 9:00-17:00 (Mon), 50% off",
        "Can't wait to see you! I can help you choose.",
        "السلام عليكم محمد! هل يمكنني مساعدتك؟",
        "👨‍👩‍👧‍👦 für die ganze Familie",
        "Here: https://shop.example/sale.",
        'She said: "great"',
    ],
)
def test_a_good_text_is_left_alone(text: str) -> None:
    assert find_fault(text, ["Something else"], "Use https://shop.example/sale") is None


def test_sameness_looks_through_case_spaces_and_signs() -> None:
    fault = find_fault("Hi  Anna – was it GOOD", ["Other", "Hi Anna! Was it good?"])

    assert fault is not None
    assert fault.code == "text_repeated"


def test_length_counts_utf16_units() -> None:
    assert [length(text) for text in ("a", "é", "字", "😊")] == [1, 1, 1, 2]


def test_cleaning_keeps_lines_and_joined_emoji_but_no_controls() -> None:
    assert clean(" a\x00b\x1b[31m\n👩‍💻\ud800 ") == "ab[31m\n👩‍💻"


@given(st.text(alphabet=st.characters(), max_size=50))
def test_what_is_cleaned_can_be_stored(text: str) -> None:
    stored = clean(text).encode("utf-8")

    assert b"\x00" not in stored
    find_fault(clean(text))


@pytest.mark.parametrize(
    ("heard", "text", "foreign"),
    [
        ("Сколько стоит торт?", "Hi! Is the cake still of interest?", True),
        ("Сколько стоит торт?", "Здравствуйте! Торт ещё нужен?", False),
        ("كم سعر الكعكة من فضلك", "Bonjour, toujours intéressé ?", True),
        ("How much is a cake?", "Καλημέρα σας, ενδιαφέρεστε ακόμη;", True),
        ("ケーキはいくらですか、教えて", "こんにちは、田中さん。ケーキはいかがでしたか", False),
        ("請問蛋糕多少錢可以外送嗎", "您好，請問還需要蛋糕嗎？", False),
        ("ok", "Здравствуйте! Торт ещё нужен?", False),
        ("Ποσο κανει; https://example.com/cakes", "Γεια σας! See www.example.com", False),
    ],
)
def test_a_contact_is_answered_in_the_script_they_write_in(
    heard: str, text: str, foreign: bool
) -> None:
    assert (find_foreign(text, [heard]) is not None) is foreign


def test_a_message_with_an_exchanged_word_is_still_the_same_message() -> None:
    before = "Hi Amina! Just checking in: was the chocolate cake good on Saturday?"
    again = "Hi Amina! Just checking in: was the chocolate cake nice on Saturday?"
    other = "Amina, our new autumn cakes are in. Shall I keep one for you?"

    assert find_fault(again, [before]) is REPEATED
    assert find_fault(other, [before]) is None
