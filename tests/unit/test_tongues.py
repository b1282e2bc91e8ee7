"""This file is where a message in another language than the contact's is shown to be noticed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from local.sandbox.writing import compose
from pipeline.adapters.prompt import instruct, tell
from pipeline.model import Said
from pipeline.steps.text_checks import find_strange
from pipeline.tongues import SETS, language_of
from tests.providers.jobs import JOB

SAID = {
    "en": "Hello, do you have a table for two people on Saturday evening? What does the menu cost?",
    "de": "Guten Tag, haben Sie noch Plätze für zwei Personen am Samstag? Wie lange ist es offen?",
    "fr": "Bonjour, avez-vous une table pour deux personnes samedi ? Je ne vois pas les prix.",
    "es": "Hola, ¿tiene una mesa para dos personas el sábado? No encuentro los precios del menú.",
    "pt": "Olá, vocês têm uma mesa para duas pessoas no sábado? Não sei quanto custa o menu.",
    "it": "Ciao, avete un tavolo per due persone sabato? Non so quanto costa il menu della sera.",
    "vi": "Cho tôi hỏi bánh này giá bao nhiêu ạ? Mình có được giao hàng không bạn?",
    "tr": "Merhaba, bu pasta ne kadar? Cumartesi için bir masa var mı, iki kişi için çok mu?",
}
ENGLISH = "Hello Jürgen, it's the Corner Bakery. Is there anything I can do for you on Saturday?"


@pytest.mark.parametrize("code", SAID)
def test_the_language_of_a_few_plain_words_is_told(code: str) -> None:
    assert language_of(SAID[code]) == code
    assert set(SAID) == set(SETS)


@pytest.mark.parametrize("theirs", SAID)
@pytest.mark.parametrize("ours", SAID)
def test_only_another_language_is_a_fault(theirs: str, ours: str) -> None:
    assert (find_strange(SAID[ours], [SAID[theirs]], "Be kind.") is None) is (ours == theirs)


def test_where_it_is_not_clear_nothing_is_held_up() -> None:
    german = SAID["de"]

    assert find_strange(ENGLISH, [german], "Be kind.") is not None
    assert find_strange(ENGLISH, [german], "Always write in English.") is None
    assert find_strange(ENGLISH, [german], "Schreibe immer auf Englisch.") is None
    assert find_strange(ENGLISH, [german, SAID["en"]], "Be kind.") is None
    for few in ("ok", "Danke!", "Jürgen", "Hola", "Heb je nog plaats voor ons op zaterdag?", ""):
        assert find_strange(ENGLISH, [few], "Be kind.") is None
    assert find_strange("Hi Jürgen! 😊", [german], "Be kind.") is None
    assert language_of("Dzień dobry, czy jest jeszcze wolny stolik na sobotę dla dwóch osób?") == ""
    tagalog = "Magkano po ang cake para sa kaarawan? May delivery ba kayo sa Makati at kailan po?"
    assert find_strange(ENGLISH, [tagalog], "Be kind.") is None
    assert language_of("Selamat siang, apakah masih ada meja untuk dua orang di hari Sabtu?") == ""


@pytest.mark.parametrize("code", SAID)
def test_the_sandbox_answers_in_the_language_it_is_written_to(code: str) -> None:
    for page in range(27):
        heard = (Said("contact", SAID[code], datetime.now(UTC)),)
        job = replace(JOB, page_name=f"Page {page}", history=heard)
        text = compose(instruct(job), tell(job))

        assert find_strange(text, [SAID[code]], job.prompt) is None
        assert language_of(text) in ("", code)
