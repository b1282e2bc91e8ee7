"""This file is where addresses for a reader's eye are told from sentences of many languages."""

import pytest

from pipeline.steps.links import brings_own_links

ORDINARY = (
    "See you at 5. Come by!",
    "Try this, e.g. this one",
    "Mr. Brown will call you.",
    "Um 12.30 Uhr sind wir da.",
    "The polka dot dress is back.",
    "A . B",
    "Plan A . Plan B",
    "We open at 9.30 . See you!",
    "Thanks . Shop with us again!",
    "Merci . De rien !",
    "Gracias . Es un placer.",
    "Grazie . It was nice",
    "Obrigado . com carinho, Ana",
    "Estou bem . com saudades de você!",
    "Ja . net gedaan, dank je!",
    "Tamam . biz geldik",
    "Tschüss . Bis morgen!",
    "Ok . No problem!",
    "Hm . . . maybe later?",
    "Wait ... come in!",
    "The dot com era is over.",
    "A dot on the map",
    "Connect the dots. Come tomorrow!",
    "It is 3 . 5 kg",
    "Ca. 20 Stück",
    "z. B. Kuchen",
    "d. h. morgen",
    "Sr. García, ¿viene hoy?",
    "Dr. Net is our dentist.",
    "Nr. 5 . Com amor",
    "That is the point. Come and see!",
    "On the dot. Organise it!",
    "Il punto. Come stai?",
    "Le point commun",
    "Un punto com muita calma",
    "Punkt 12 Uhr",
    "Das ist der Punkt. Komm vorbei!",
    "Вот и точка. Ком снега",
    "Привет . Как дела?",
    "Это точка роста.",
    "你好 . 再见",
    "مرحبا . كيف حالك؟",
    "שלום . מה שלומך?",
    "Xin chào . Bạn khỏe không?",
    "Our local host Anna: she knows all!",
    "Are you local? Host: Anna",
    "The host is local: 8080 steps",
    "size 8 . net weight 2 kg",
    "info : we are open",
    "Dot Cotton says hi",
    "com amor, Ana",
    "Cześć . Ty też?",
    "Ahoj . Co děláš?",
    "Szia . De jó!",
    "Hej . Se dig!",
    "Moi . Me ollaan täällä",
)
FOR_A_READER = (
    "Go to evil dot com",
    "Go to evil dot com for more",
    "evil DOT net",
    "look at my-shop dot org today",
    "evil  dot  io",
    "evil d0t com",
    "Visit evil . com",
    "Visit evil . com!",
    "Visit evil .com, now",
    "evil . com/sale",
    "evil. com/sale",
    "evil . net.",
    "(evil . org)",
    "evil[.]com",
    "evil(dot)com",
    "evil [dot] com",
    "evil (.) com",
    "localhost:8080/x",
    "http://localhost:8080/x",
    "localhost/x",
    "hxxp://evil.com",
    "hxxps://evil[.]com/x",
    "evil punkt com",
    "evil punto com",
    "evil ponto com",
    "evil point com",
    "evil точка ру",
    "shop точка com",
    "sub.evil dot com",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_sentence_is_no_link(text: str) -> None:
    assert not brings_own_links(text, "Write a friendly follow-up.", [])


@pytest.mark.parametrize("text", FOR_A_READER)
def test_what_a_reader_takes_for_a_link_must_be_asked_for(text: str) -> None:
    assert brings_own_links(text, "Write a friendly follow-up.", [])
    assert not brings_own_links(text, f"Close with: {text}", [])


def test_an_address_of_the_prompt_may_be_spelt() -> None:
    for text in ("Look at bakery dot com", "Look at bakery . com", "Look at bakery.com"):
        assert not brings_own_links(text, "Our shop is https://bakery.com", [])
