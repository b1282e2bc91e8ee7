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
        ("Hi (Name), how are you?", "text_placeholder"),
        ("Hallo (Vorname)!", "text_placeholder"),
        ("Hola (su nombre), ¿qué tal?", "text_placeholder"),
        ("Здравствуйте, (имя)!", "text_placeholder"),
        ("（姓名）您好", "text_placeholder"),
        ("Hi $name, how are you?", "text_placeholder"),
        ("Hi ${first_name}!", "text_placeholder"),
        ("Hi @name!", "text_placeholder"),
        ("Hi {{name}}!", "text_placeholder"),
        ("Hi NAME, how are you?", "text_placeholder"),
        ("Hello Customer Name,\nhow are you?", "text_placeholder"),
        ("Hallo Vorname, wie geht es?", "text_placeholder"),
        ("NAME, hello", "text_placeholder"),
        ("Hi XXXX!", "text_placeholder"),
        ("Dear Customer, how are you?", "text_placeholder"),
        ("Hello valued customer!", "text_placeholder"),
        ("Sehr geehrte Damen und Herren, guten Tag", "text_placeholder"),
        ("Estimado cliente, ¿sigue interesado?", "text_placeholder"),
        ("Cher client, bonjour", "text_placeholder"),
        ("Уважаемый клиент! Торт ещё нужен?", "text_placeholder"),
        ("尊敬的客户，您好", "text_placeholder"),
        ("Hello , good to have you here!", "text_placeholder"),
        ("Hi ! How are you?", "text_placeholder"),
        ("Dear ,\nhow are you?", "text_placeholder"),
        ("Liebe, wie geht es?", "text_placeholder"),
        ("👋 Hallo ,", "text_placeholder"),
        ('{"message": "Hi"}', "text_json"),
        ('{"message": "Hi there, just', "text_json"),
        ("```json\nHi\n```", "text_json"),
        ('Here it is: "message": "Hi"', "text_json"),
        ("null", "text_json"),
        ("True", "text_json"),
        ("true", "text_json"),
        ("None", "text_json"),
        (" 42\n", "text_json"),
        ("-1.5e3", "text_json"),
        ('"Hi Ann, was the cake good?"', "text_json"),
        ('["Hi Ann"]', "text_json"),
        ("[" * 1990, "text_json"),
        ("{'message': 'Hi Ann, " + "was the cake as good as ever? " * 4 + "'}", "text_json"),
        ("message: Hi Ann, was the cake good?", "text_json"),
        ("**Message:** Hi Ann, was the cake good?", "text_json"),
        ('"message" = Hi Ann', "text_json"),
        ("\u200b\u200c\u200d\u2060\ufeff", "text_empty"),
        ("\u00ad\u180e\u034f\u061c\u3164\uffa0\u115f\u2800", "text_empty"),
        ("\u0301\ufe0f\U000e0041 \u2028", "text_empty"),
        ("Hi Ann\u0301" + "\u0301" * 1500 + ", how are you?", "text_garbled"),
        ("Hi A" + "\u0301\u034f\u200d" * 4 + "nn, how are you?", "text_garbled"),
        ("Hi \u202eolleh\u202c Ann", "text_garbled"),
        ("Hi Ann \u2066x", "text_garbled"),
        ("Hi Ann\u2069, hello", "text_garbled"),
        ("Hi \u2066Ann\u202c, hello\u2069", "text_garbled"),
        ("Hi \u2067Ann\nhow are you?\u2069", "text_garbled"),
        ("As an AI language model I like cake.", "text_refusal"),
        ("I'm sorry, but I can't do that.", "text_refusal"),
        ("I cannot assist with this request.", "text_refusal"),
        ("Lo siento, no puedo ayudar con eso.", "text_refusal"),
        ("Извините, я не могу помочь с этим.", "text_refusal"),
        ("Sorry, ich kann Ihnen nicht helfen.", "text_refusal"),
        ("Dabei kann ich leider nicht weiterhelfen.", "text_refusal"),
        ("Ich kann diese Nachricht nicht schreiben.", "text_refusal"),
        ("Désolé, je ne peux pas vous aider.", "text_refusal"),
        ("Je ne suis pas en mesure de rédiger ce message.", "text_refusal"),
        ("Mi dispiace, non posso aiutarti.", "text_refusal"),
        ("Desculpe, não posso te ajudar com isso.", "text_refusal"),
        ("Ik kan je hier niet mee helpen.", "text_refusal"),
        ("Niestety nie mogę w tym pomóc.", "text_refusal"),
        ("Вибачте, я не можу вам допомогти.", "text_refusal"),
        ("Üzgünüm, yardımcı olamam.", "text_refusal"),
        ("Maaf, saya tidak dapat membantu.", "text_refusal"),
        ("Xin lỗi, tôi không thể giúp việc này.", "text_refusal"),
        ("抱歉，我无法帮助您。", "text_refusal"),
        ("申し訳ありませんが、お手伝いできません。", "text_refusal"),
        ("죄송하지만 도와드릴 수 없습니다.", "text_refusal"),
        ("عذراً، لا أستطيع مساعدتك", "text_refusal"),
        ("I’m sorry but I cannot write that.", "text_refusal"),
        ("I am unable to help with that.", "text_refusal"),
        ("Als KI darf ich das nicht.", "text_refusal"),
        ("Look: https://evil.example/win", "text_link"),
        ("Look at www.evil.example now", "text_link"),
    ],
)
def test_an_unfit_text_is_recognised(text: str, code: str) -> None:
    fault = find_fault(text, prompt="See https://shop.example/sale for the offer.", name="Ann")

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
        "Please tell us:\nName:\nPhone:\nAddress:",
        "Tên:\nSố điện thoại:",
        "Hi Name-Day girl! What is your name? Mine is Tom (the owner's name).",
        "Hello, good to have you here! In the name of the team: hi!",
        "Hi!\nDear Ann, a customer asked for you. Liebe Grüße, Tom",
        "Bonjour ! Vous allez bien ? Bonjour, Anne !",
        "Hallo, wie geht es Ihnen? Ich kann es nicht erwarten, Ihnen zu helfen!",
        "We can't wait to help you. I can't believe it's Friday!",
        "Sorry, ich konnte gestern nicht antworten. Kann ich Ihnen nicht noch etwas zeigen?",
        "No puedo esperar a verte. Non posso crederci! Je ne peux pas attendre.",
        "Can I help you? Kann ich Ihnen helfen? Чем могу помочь?",
        "It's $5 a client, and 20 $ for two. Sizes XXL, XXXL. Kisses xxx",
        "Nom de code: gâteau. Nombre de personnes ? Nome: Anna",
        "42 cakes are left. True, they are good! None for me.",
        '"Great cake", you said. Shall I keep one?',
        "Message received! Text me: I am here until six.",
        "می‌خواهید کیک را برایتان نگه داریم؟",
        "क्या आपको केक पसंद आया? क्‍या मैं और बनाऊँ? र्‍य",
        "👩🏽‍💻 👨‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 1️⃣ 🏳️‍🌈 ❤️‍🔥",
        "สวัสดีค่ะ ยังสนใจเค้กอยู่ไหมคะ น้ำชาฟรี ที่นี่",
        "שָׁלוֹם, הַאִם הָעוּגָה טְעִימָה? בְּרֵאשִׁ֖ית",
        "السَّلامُ عَلَيْكُمْ، هَلْ أَعْجَبَتْكَ الكَعْكَةُ؟ مُحَمَّدٌۖ",
        "Che\u0302\u0301 Lie\u0302\u0323n co\u0301 vui kho\u0302ng?",
        "ကိတ်မုန့် ကြိုက်ပါသလား ရွှို့ လွှဲ့",
        "བཀྲ་ཤིས་བདེ་ལེགས། སྒྲུབ་རྒྱུ",
        "নমস্কার, কেক কেমন লাগল? ક્ષ્મી ക്ഷ്മി தமிழ்",
        "Zadzwoń: \u2068Ania\u2069, \u202aok\u202c, \u200fשלום\u200e",
        "ㅋㅋㅋ",
        "👍",
    ],
)
def test_a_good_text_is_left_alone(text: str) -> None:
    assert find_fault(text, ["Something else"], "Use https://shop.example/sale", "Ann") is None


def test_who_is_called_like_a_placeholder_is_greeted() -> None:
    assert find_fault("Hi Nom! How are you?", name="Nom Srisai") is None
    assert find_fault("Hi Nom! How are you?", name="Ann") is not None


def test_nobody_in_particular_is_greeted_so_only_without_a_name() -> None:
    for name, fault in (("Ann", True), ("王", True), ("", False), (" ", False), ("123", False)):
        found = find_fault("Dear customer, how are you?", name=name)
        assert (found is not None) is fault


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
