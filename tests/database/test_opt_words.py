"""This file is where it is shown which messages opt somebody out, and in again."""

import re
from pathlib import Path

from tests.database.acting import call

GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"
WORDS = {
    "stop": (
        *(
            "STOP",
            " stop ",
            "Stop!",
            "s.t.o.p.",
            "«Stop»",
            "STOP 🛑",
            "ＳＴＯＰ",
            "Stop all",
            "StopAll",
        ),
        *(
            "UNSUBSCRIBE",
            "Cancel",
            "end",
            "QUIT",
            "opt-out",
            "Opt out",
            "OPTOUT",
            "ARRET",
            "Arrêt !",
        ),
        *(
            "revoke",
            "Remove",
            "STOPP",
            "¡Baja!",
            "Отписаться.",
            "стоп",
            "停止。",
            "توقف",
            "\tstop\n",
        ),
    ),
    "start": ("START", "Start.", "unstop", "UN-STOP"),
    None: (
        *(
            "",
            "...",
            "🛑",
            "Please stop messaging me",
            "stop it",
            "stop please",
            "Yes",
            "the end",
            "restart",
            "help",
        ),
        *("stop" * 40, "don't stop", "1", "Start with the cake"),
    ),
}


def test_only_a_whole_message_is_an_opt_out_word(shared_world):
    for word, texts in WORDS.items():
        for text in texts:
            [row] = call(shared_world.connection, "opt_word", p_text=text)
            assert (text, row["opt_word"]) == (text, word)


def test_the_words_that_operators_are_told_are_the_words_that_count(shared_world):
    [told] = re.findall(r"^Who writes (.+?)^$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    before, after = told.split("is opted out")
    words = [(each, "stop") for each in re.findall(r"`([^`_]+)`", before)]
    words += [(each, "start") for each in re.findall(r"`([^`]+)`", after)]
    sentences = [(each, None) for each in re.findall(r'"([^"]+)"', told)]

    assert (len(words), len(sentences)) == (17, 1)
    for text, word in words + sentences:
        [row] = call(shared_world.connection, "opt_word", p_text=text)
        assert (text, row["opt_word"]) == (text, word)
